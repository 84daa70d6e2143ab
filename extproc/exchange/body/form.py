"""Find the name of the model in a form, as audio and images are sent (RFC 7578), and leave every other byte alone.

Some clients put the file first, so that the whole body is searched: for the boundary, which takes milliseconds for
many megabytes. Of what stands between two boundaries, only the headers are looked at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from extproc.exchange.body.media import FORM, parameters
from extproc.exchange.body.model_field import Malformed, ModelSpans, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_BOUNDARY: Final = 70
"""RFC 2046 section 5.1.1."""

MOST_BOUNDARIES: Final = 10_000
"""What looks like more parts than this is no request, but an attempt to keep a worker busy for seconds."""

MOST_HEADERS: Final = 16 * 1024
"""Bytes that the headers of one part may have."""

_OF_FILES: Final = frozenset({"filename", "filename*"})
AS_THEY_ARE: Final = frozenset({"", "7bit", "8bit", "binary"})
"""Transfer encodings that change nothing (RFC 2045 section 6)."""
_AFTER: Final = re.compile(rb"(--)?[ \t]*(?:\r\n|(\Z))")
"""What follows a boundary: it closes the form, or a part begins on the next line."""

_FOLDED: Final = re.compile(r"\r\n[ \t]+")


class _MalformedError(Exception):
    """The form breaks the grammar."""


def read_form(body: bytes, content_type: str) -> ModelSpans | Malformed:
    """Return what the form *body* says about its model; *content_type* has the boundary of its parts."""
    boundary = parameters(content_type).get("boundary", "").encode("latin-1", "replace")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        return Malformed("its content type has no boundary of 1 to 70 characters", FORM)
    try:
        spans = tuple(_models(body, boundary))
    except _MalformedError as error:
        return Malformed(str(error), FORM)
    except UnicodeDecodeError:
        return Malformed("the name of its model is not UTF-8", FORM)
    return ModelSpans(spans[-1].name if spans else None, spans, boundary)


def insert_part(body: bytes, boundary: bytes, model: str) -> bytes | None:
    """Return the form *body*, in which `read_form` has found no model, with *model* as its first part.

    None when it has no part at all.
    """
    start = next((start for start, _ in _parts(body, boundary)), None)
    if start is None:
        return None
    name = model.encode(errors="backslashreplace")
    part = b'content-disposition: form-data; name="model"\r\n\r\n%b\r\n--%b\r\n' % (name, boundary)
    return b"".join((body[:start], part, body[start:]))


def _models(body: bytes, boundary: bytes) -> Iterator[Span]:
    """Yield where the values of the parts `model` are."""
    for start, end in _parts(body, boundary):
        headers_end = body.find(b"\r\n\r\n", start - len(b"\r\n"), min(end, start + MOST_HEADERS))
        if headers_end < 0:
            raise _MalformedError(f"the headers of the part at byte {start} do not end")
        headers = _headers(body[start : max(start, headers_end)])
        if _is_model(headers):
            if headers.get("content-transfer-encoding", "").strip().lower() not in AS_THEY_ARE:
                raise _MalformedError("the name of its model is encoded")
            at = headers_end + len(b"\r\n\r\n")
            yield Span(at, end, body[at:end].decode())


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the parts begin and end, headers included.

    A boundary is one at the beginning of a line with nothing but blanks behind it (RFC 2046 section 5.1.1). Another
    text behind it makes it part of the content, to all readers that we know of.
    """
    delimiter = b"\r\n--" + boundary
    # The first boundary may be the first line of all: then no line ends before it.
    at = -len(b"\r\n") if body.startswith(delimiter[2:]) else body.find(delimiter)
    start: int | None = None
    for _ in range(MOST_BOUNDARIES):
        if at == -1:
            raise _MalformedError("it does not end" if start is not None else "its boundary is not there")
        after = _AFTER.match(body, at + len(delimiter))
        if after is not None:
            if start is not None:
                yield start, at
            if after[1] is not None:
                return
            if after[2] is not None:
                raise _MalformedError("it does not end")
            start = after.end()
        # A part may be empty: then the line that ends before the next boundary is the one of this one.
        at = body.find(delimiter, at + len(delimiter))
    raise _MalformedError(f"more than {MOST_BOUNDARIES} boundaries")


def _headers(block: bytes) -> Mapping[str, str]:
    """Return the headers in *block* by lower-case name; of repeated ones the first."""
    found: dict[str, str] = {}
    for line in _FOLDED.sub(" ", block.decode("latin-1")).split("\r\n"):
        name, _, value = line.partition(":")
        found.setdefault(name.strip().lower(), value)
    return found


def _is_model(headers: Mapping[str, str]) -> bool:
    """Return whether they are the headers of the field `model`; a file of that name is none.

    `name*` is not for forms (RFC 7578 section 5.1.3), but there are readers that take it.
    """
    disposition = headers.get("content-disposition", "")
    found = parameters(disposition)
    if disposition.partition(";")[0].strip().lower() != "form-data" or not found.keys().isdisjoint(_OF_FILES):
        return False
    return "model" in {found.get("name"), unquote(found.get("name*", "").rpartition("'")[2])}
