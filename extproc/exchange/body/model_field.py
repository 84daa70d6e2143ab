"""Find and replace the name of the model in a request body, and leave every other byte alone.

A provider validates its own request bodies. We refuse only what we cannot follow: a body that is cut off, is
not UTF-8, or breaks the grammar of JSON.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from typing import Final

from extproc.exchange.body.json_scanner import Member, members, string_at
from extproc.exchange.body.model_search import plain_model
from extproc.value import value

_SPACE: Final = b" \t\r\n"


@value
class Span:
    """Where in the body a value of the key `model` stands, in bytes; *name* is None when it is no string."""

    start: int
    end: int
    name: str | None


@value
class ModelSpans:
    """What a body says about its model.

    *model* is the value of the last `model` key of the outermost object, as parsers read a repeated key; None when
    there is none or it is no string. *spans* are the values of all of them. *boundary* is what separates the parts of a
    form, whose parts are meant instead of keys; None: the body is JSON.
    """

    model: str | None
    spans: tuple[Span, ...] = ()
    boundary: bytes | None = None


@value
class Malformed:
    """A body that is not what was *expected*; *problem* says what is wrong and where, never what the body holds."""

    problem: str
    expected: str = "JSON"


def read(body: bytes) -> ModelSpans | Malformed:
    """Return what *body* says about its model, whatever the bytes are."""
    if body.startswith(BOM_UTF8):  # which a reader may ignore (RFC 8259 section 8.1)
        return _read(body[len(BOM_UTF8) :], skipped=len(BOM_UTF8))
    return _read(body)


def splice(body: bytes, found: ModelSpans, model: str) -> bytes | None:
    """Return *body* with *model* as its model, or None when it says so already.

    *found* is what `read` said of this body. Every string among the values is replaced, not only the last: whichever
    of them a provider's parser takes, none is the name of another model. Values that are no strings name no model and
    stay; a provider that takes one of them refuses the request.
    """
    stale = [span for span in found.spans if span.name is not None and span.name != model]
    if not stale:
        return None
    # Half of a surrogate pair has no UTF-8 form; as the escape it came as, it has.
    text = json.dumps(model, ensure_ascii=False) if found.boundary is None else model
    name = text.encode(errors="backslashreplace")
    view = memoryview(body)
    parts: list[bytes | memoryview] = []
    at = 0
    for span in stale:
        parts += (view[at : span.start], name)
        at = span.end
    parts.append(view[at:])
    return b"".join(parts)


def insert(body: bytes, model: str) -> bytes | None:
    """Return *body*, in which `read` has found no model, with *model* as its model; None when it is no object.

    A client of Azure's says the model in the path: other providers look for it in the body.
    """
    text = body.removeprefix(BOM_UTF8).lstrip(_SPACE)
    if not text.startswith(b"{"):
        return None
    at = len(body) - len(text)
    rest = body[at + 1 :]
    comma = b"" if rest.lstrip(_SPACE).startswith(b"}") else b", "
    return b"".join((body[: at + 1], b'"model": ', json.dumps(model).encode(), comma, rest))


def _read(body: bytes, skipped: int = 0) -> ModelSpans | Malformed:
    """Return what *body* says, before which *skipped* bytes were left out: places count from there."""
    if not body:
        return Malformed("it is empty")
    try:
        if not body.isascii():  # large bodies mostly are, and this is much faster than decoding
            body.decode()
        plain = plain_model(body)
        if plain is not None:
            spans: tuple[Span, ...] = (Span(plain.start, plain.end, plain.name),)
        else:
            spans = tuple(_span(body, member) for member in members(body) if member.key == "model")
    except UnicodeDecodeError as error:
        return Malformed(f"it is not UTF-8 at byte {error.start + skipped}")
    except json.JSONDecodeError as error:
        what = error.msg[0].lower() + error.msg[1:].removesuffix(" at")
        return Malformed(f"{what} at {'its end' if error.pos >= len(body) else f'byte {error.pos + skipped}'}")
    except RecursionError:
        return Malformed("it is nested too deeply")
    if skipped:
        spans = tuple(Span(span.start + skipped, span.end + skipped, span.name) for span in spans)
    return ModelSpans(spans[-1].name if spans else None, spans)


def _span(body: bytes, member: Member) -> Span:
    is_string = body[member.start] == ord('"')
    return Span(member.start, member.end, string_at(body, member.start, member.end) if is_string else None)
