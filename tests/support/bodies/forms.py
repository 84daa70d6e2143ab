"""Forms for hypothesis to draw, whose parts are known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from extproc.exchange.body.form import read_form

if TYPE_CHECKING:
    from extproc.exchange.body.model_field import Malformed, ModelSpans

BOUNDARIES = ("b", "----WebKitFormBoundaryx7", "a'()+_,-./:=?", "-", "--")
MODEL_HEADERS = (
    'Content-Disposition: form-data; name="model"',
    "content-disposition:form-data;name=model",
    "CONTENT-DISPOSITION: Form-Data ; Name = model ;",
    'Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data;\r\n\tname="model"',
    "Content-Disposition: form-data; name*=utf-8''model",
    'X: content-disposition: form-data; name="file"\r\nContent-Disposition: form-data; name="m\\odel"',
)
OTHER_HEADERS = (
    'Content-Disposition: form-data; name="file"; filename="model"\r\nContent-Type: audio/wav',
    'Content-Disposition: form-data; name="model"; filename="a.wav"',
    "Content-Disposition: form-data; name=model; filename*=utf-8''a",
    'Content-Disposition: form-data; name="Model"',
    'Content-Disposition: form-data; name="models"',
    'Content-Disposition: form-data; x="; name=model"',
    'Content-Disposition: attachment; name="model"',
    'X-Content-Disposition: form-data; name="model"',
    "Content-Type: text/plain",
    "",
)
names = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a form; *content* is None in one that names the model."""

    headers: str
    content: bytes | None
    padding: str

    def written(self, name: str) -> bytes:
        """Return headers and content, with *name* as the model."""
        headers = self.headers.encode() + b"\r\n" if self.headers else b""
        return headers + b"\r\n" + (name.encode() if self.content is None else self.content)


@dataclass(frozen=True, slots=True)
class Form:
    """A whole form."""

    boundary: str
    preamble: bytes
    parts: tuple[Part, ...]
    epilogue: bytes

    def written(self, *names: str) -> bytes:
        """Return the form, in which the parts that name the model say *names*, one after the other."""
        left = list(names)
        text = self.preamble
        for part in self.parts:
            name = left.pop(0) if part.content is None else ""
            text += f"--{self.boundary}{part.padding}\r\n".encode() + part.written(name) + b"\r\n"
        return text + f"--{self.boundary}--".encode() + self.epilogue

    @property
    def models(self) -> int:
        """How many parts name the model."""
        return sum(part.content is None for part in self.parts)

    def read(self, body: bytes) -> ModelSpans | Malformed:
        """Read *body* as this form's content type announces it."""
        return read_form(body, f'multipart/form-data; boundary="{self.boundary}"')


@st.composite
def forms(draw: st.DrawFn) -> Form:
    """Draw a form whose contents look like boundaries wherever they can without being one."""
    boundary = draw(st.sampled_from(BOUNDARIES))
    line = f"--{boundary}".encode()
    pieces = st.sampled_from(
        [line, b"\r\n", b"\r\n" + line, b"--", b"\r", b"\n", b" ", b"x", b"\x00\xff", b'name="model"', b"\r\n\r\n"]
    )
    texts = st.lists(pieces, max_size=6).map(b"".join)
    real = re.compile(b"\r\n" + re.escape(line) + rb"(?:--)?[ \t]*\r\n")
    contents = texts.filter(lambda text: real.search(b"\r\n" + text + b"\r\n") is None)
    padding = st.sampled_from(["", "", " ", " \t"])
    models = st.builds(Part, st.sampled_from(MODEL_HEADERS), st.none(), padding)
    others = st.builds(Part, st.sampled_from(OTHER_HEADERS), contents, padding)
    preamble = draw(st.just(b"") | contents.map(lambda text: text + b"\r\n"))
    epilogue = draw(st.just(b"") | texts.map(lambda text: b"\t\r\n" + text))
    parts = draw(st.lists(models | others, min_size=1, max_size=5))
    return Form(boundary, preamble, tuple(parts), epilogue)
