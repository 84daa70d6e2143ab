"""What headers say a body is: its media type, how it is encoded, and in which characters it is written."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.exchange.events import Headers

FORM: Final = "multipart/form-data"

NEVER_JSON: Final = frozenset({"audio", "image", "video"})
"""Top-level types whose bodies are no JSON. Of all others the body shows it: many clients set no fitting content type
(`curl -d` says `application/x-www-form-urlencoded`, fetch `text/plain`, others `application/octet-stream`)."""

_JSON: Final = re.compile(r"application/(?:[^\s/;,]+\+)?json")
_PARAMETER: Final = re.compile(r""";[ \t]*([^\s;="]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;]*))""", re.DOTALL)
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


def media_type(headers: Headers) -> str:
    """Return the media type that *headers* announce, without parameters and in lower case; "" for none."""
    return _media_type(headers.get("content-type", ""))


@lru_cache(maxsize=64)  # the same ones over and over
def _media_type(value: str) -> str:
    return re.split("[;,]", value)[0].strip().lower()


def is_json(media: str) -> bool:
    """Return whether a body of that media type is JSON (RFC 8259, and RFC 6839 for `+json`)."""
    return _JSON.fullmatch(media) is not None


def may_be_json(media: str) -> bool:
    """Return whether a body of that media type can be JSON at all."""
    return media.partition("/")[0] not in NEVER_JSON


def parameters(value: str) -> Mapping[str, str]:
    """Return the parameters of a header's *value* by lower-case name, without quotes; of repeated ones the first."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(value):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) or plain.strip())
    return found


def names_other_characters(headers: Headers) -> bool:
    """Return whether the content type says that its text is not UTF-8.

    To readers of JSON that means nothing (RFC 8259 section 11): only a text that is not UTF-8 gives it a meaning.
    """
    charset = parameters(headers.get("content-type", "")).get("charset")
    return charset is not None and charset.lower() not in _UTF_8


def content_codings(headers: Headers) -> tuple[str, ...]:
    """Return how the body is encoded, in the order in which that was done (RFC 9110 section 8.4); () for not at all."""
    codings = (coding.strip().lower() for coding in headers.get("content-encoding", "").split(","))
    return tuple(coding for coding in codings if coding not in {"", "identity"})
