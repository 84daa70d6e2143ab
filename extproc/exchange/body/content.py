"""What the body of a request says, whatever it is wrapped in; and the same for another model."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from extproc.exchange.body.encoding import Undecodable, decoded
from extproc.exchange.body.form import insert_part, read_form
from extproc.exchange.body.media import (
    FORM,
    content_codings,
    is_json,
    may_be_json,
    media_type,
    names_other_characters,
)
from extproc.exchange.body.model_field import Malformed, ModelSpans, insert, read, splice
from extproc.value import value

if TYPE_CHECKING:
    from extproc.exchange.events import Headers

_NO_UTF_8 = "it is not UTF-8, which JSON has to be"
_OBJECT: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\{")


@value
class Content:
    """What a body says of its model.

    *plain* is what it stands for, when it came compressed and was read. *model* is None when it is neither JSON nor a
    form, or *malformed*.
    """

    plain: bytes | None = None
    model: ModelSpans | None = None
    malformed: Malformed | None = None


def read_content(headers: Headers, body: bytes, *, limit: int) -> Content | Undecodable:
    """Return the content of *body*, of the type that *headers* announce, or why no provider could read it.

    That is when it may well name a model, and only its wrapping hides which. *limit* is how many bytes it may stand
    for.
    """
    media = media_type(headers)
    if not may_be_json(media):
        return Content()
    codings = content_codings(headers) if body else ()
    text = decoded(body, codings, limit=limit)
    if isinstance(text, Undecodable):
        return text
    if media == FORM:
        found = read_form(text, headers["content-type"])
    elif is_json(media) or _OBJECT.match(text) or _is_object_in_other_characters(text):
        found = read(text)
    else:
        return Content()
    if isinstance(found, ModelSpans):
        return Content(text if codings else None, found)
    if media != FORM and (names_other_characters(headers) or not _is_utf_8(text)):
        return Undecodable(_NO_UTF_8)
    return Content(malformed=found if media == FORM or is_json(media) else None)


def rewritten(text: bytes, found: ModelSpans, model: str, *, add: bool) -> bytes | None:
    """Return *text*, of which *found* was read, with *model* as its model; None when it says so already.

    One that names no model is given one if *add*: the request names it in its path.
    """
    if found.spans or not add:
        return splice(text, found, model)
    return insert(text, model) if found.boundary is None else insert_part(text, found.boundary, model)


def _is_utf_8(text: bytes) -> bool:
    """Return whether *text* is UTF-8. An object in UTF-16 or UTF-32 is not, although its bytes may all be ASCII."""
    if _is_object_in_other_characters(text):
        return False
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_object_in_other_characters(text: bytes) -> bool:
    """Return whether *text* begins like an object in UTF-16 or UTF-32."""
    encoding = json.detect_encoding(text)
    return not encoding.startswith("utf-8") and text[:64].decode(encoding, "ignore").lstrip().startswith("{")
