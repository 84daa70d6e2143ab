r"""The members of the outermost object of a JSON text, with the places where they stand.

The members are visited in turn, so there is no guessing what is a key and how deep it lies. Their values are stepped
over by a regular expression: at several times the speed of the JSON decoder, and without building any object. Only
values nested deeper than the expression reaches go to the decoder. Either way the same texts are accepted: what
stands inside a string (control characters, unknown escapes) and how large a number is are never looked at.
"""

from __future__ import annotations

import re
import sys
from functools import cached_property
from json import JSONDecodeError, JSONDecoder
from typing import TYPE_CHECKING, Final

from extproc.exchange.body.json_depth import is_too_deep
from extproc.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_MEMBERS: Final = 10_000
"""More keys than this in one object are no request, but an attempt to keep a worker busy for seconds."""


@value
class Member:
    """One key of an object, decoded, and where its value stands, in bytes."""

    key: str
    start: int
    end: int


def members(body: bytes) -> Iterator[Member]:
    """Yield the members of the object that *body* is; none when it is another JSON value.

    Raises:
        JSONDecodeError: when *body* is no JSON; its position counts bytes.
        RecursionError: when *body* is nested too deeply.
    """
    deep = _DeepValues(body)
    at = _skip_space(body, 0)
    if not body.startswith(b"{", at):
        _refuse_more(body, _end_of_value(body, at, deep))
        return
    at = _skip_space(body, at + 1)
    if body.startswith(b"}", at):
        _refuse_more(body, at + 1)
        return
    for _ in range(MOST_MEMBERS):
        if not body.startswith(b'"', at):
            raise JSONDecodeError("Expecting a key in double quotes", "", at)
        key_end = _end_of_value(body, at, deep)
        colon = _COLON.match(body, key_end)
        if colon is None:
            raise JSONDecodeError("Expecting ':'", "", _skip_space(body, key_end))
        end = _end_of_value(body, colon.end(), deep)
        yield Member(string_at(body, at, key_end), colon.end(), end)
        delimiter = _DELIMITER.match(body, end)
        if delimiter is None:
            raise JSONDecodeError("Expecting ',' or '}'", "", _skip_space(body, end))
        at = delimiter.end()
        if delimiter[1] == b"}":
            _refuse_more(body, at)
            return
    raise JSONDecodeError(f"More than {MOST_MEMBERS} keys in one object", "", at)


def string_at(body: bytes, start: int, end: int) -> str:
    """Return what the string says that stands between *start* and *end*, quotes included.

    Raises:
        JSONDecodeError: when it has an escape that JSON does not know.
    """
    raw = body[start:end].decode()
    if "\\" not in raw:
        return raw[1:-1]
    try:
        text: str = _DECODER.decode(raw)
    except JSONDecodeError as error:
        raise JSONDecodeError("Invalid escape in the string", "", start) from error
    return text


class _DeepValues:
    """Steps over values that are nested too deeply for the pattern, by decoding them."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def end(self, at: int) -> int:
        """Return where the value ends that begins at *at*."""
        if self._body[at : at + 1] in _OPENING and is_too_deep(self._body, at):
            raise RecursionError
        try:
            return _DECODER.raw_decode(self._text, at)[1]
        except JSONDecodeError:
            return _DECODER.raw_decode(self._text_without_escapes, at)[1]

    @cached_property
    def _text(self) -> str:
        """The body with one character a byte."""
        return self._body.decode("latin-1")

    @cached_property
    def _text_without_escapes(self) -> str:
        """The same with no escape in any string; a backslash outside becomes something that is as wrong there."""
        return self._text.replace(r"\\", "__").replace(r"\"", "__").replace("\\", "_")


def _end_of_value(body: bytes, at: int, deep: _DeepValues) -> int:
    shallow = _SHALLOW.match(body, at)
    return shallow.end() if shallow else deep.end(at)


def _refuse_more(body: bytes, at: int) -> None:
    at = _skip_space(body, at)
    if at < len(body):
        raise JSONDecodeError("Unexpected text after the JSON value", "", at)


def _value(levels: int) -> str:
    """Return a pattern for a JSON value with up to *levels* lists and objects within each other.

    All repetitions are possessive: linear time and constant memory, whatever the input. Lists in lists are left
    out: so a level makes the pattern 1.6 times as long, otherwise it would be twice.
    """
    item = member = _SCALAR
    for _ in range(levels):
        list_ = rf"\[{_SPACE}(?:{item}{_SPACE}(?:,{_SPACE}(?!\])|(?=\])))*+\]"
        object_ = rf'\{{{_SPACE}(?:{_STRING}{_SPACE}:{_SPACE}{member}{_SPACE}(?:,{_SPACE}(?=")|(?=\}})))*+\}}'
        item, member = f"(?:{_SCALAR}|{object_})", f"(?:{_SCALAR}|{object_}|{list_})"
    return member


def _skip_space(body: bytes, at: int) -> int:
    ink = _INK.search(body, at)
    return ink.start() if ink else len(body)


_SPACE: Final = r"[ \t\n\r]*+"
# Up to a quote with no backslash before it, past quotes with exactly one. That is fast, and only strings with more
# backslashes before a quote are left to the second form, which looks at each character. Atomic: to read each key in
# the second form, too, when its value cannot be read would take twice the time at each level.
_STRING: Final = r'"(?>[^"]*+(?:"(?<=[^\\]\\")[^"]*+)*+"(?<!\\")|(?:[^"\\]++|\\.)*+")'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_SCALAR: Final = rf"(?:{_STRING}|{_NUMBER}|true|false|null)"

_INK: Final = re.compile(rb"[^ \t\n\r]")
_COLON: Final = re.compile(rb"[ \t\n\r]*:[ \t\n\r]*")
_DELIMITER: Final = re.compile(rb"[ \t\n\r]*([,}])[ \t\n\r]*")
# Six levels hold messages of several parts with flat objects in them; they compile in about 40 ms, and each further
# one takes 1.6 times as long. Tool definitions are deeper, and small.
_VALUE: Final = _value(6).encode()
# Before Python 3.11.5 such groups match wrongly (gh-106052): there the decoder steps over everything.
_SHALLOW: Final = re.compile(_VALUE if sys.version_info >= (3, 11, 5) else b"(?!)", re.DOTALL)

_OPENING: Final = frozenset({b"[", b"{"})

# Numbers are of no interest, and `int` refuses to read those of more than 4,300 digits.
_DECODER: Final = JSONDecoder(strict=False, parse_int=len, parse_float=len)
