"""Where the outermost object of a JSON text says its model, found without stepping through the text in Python.

A decoder in C reads the text once and builds nothing but the models: so it is known to be JSON, and how many it names.
Then the bytes are searched for the place. Where that leaves a doubt, `json_scanner` looks at every key instead; it
takes some eight times as long.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

_KEY: Final = b'"model"'
_ESCAPED_LETTER: Final = b"\\u006"
"""How each letter of the key may begin that is spelled as an escape (RFC 8259 section 7)."""
_VALUE: Final = re.compile(rb'[ \t\r\n]*+:[ \t\r\n]*+"([^"\\]*+)(["\\])')
_FIRST: Final = re.compile(rb'[ \t\r\n]*+\{[ \t\r\n]*+"model"[ \t\r\n]*+:[ \t\r\n]*+"([^"\\]*+)"')
"""The key as the first of the outermost object."""
_LAST: Final = re.compile(
    rb'[,{][ \t\r\n]*+"model"[ \t\r\n]*+:[ \t\r\n]*+"([^"\\]*+)"'
    rb'(?:[ \t\r\n]*+,[ \t\r\n]*+"[^"\\]*+"[ \t\r\n]*+:[ \t\r\n]*+(?:"[^"\\]*+"|[-+.0-9eE]++|true|false|null))*+'
    rb"[ \t\r\n]*+\}[ \t\r\n]*+\Z"
)
"""The key as the last of an object that ends with the text, but for keys with a plain value: so it is the outermost."""
_END: Final = 512
"""Bytes at the end of a text in which to look for that."""
_MOST_PLACES: Final = 16
"""The key also stands where tools are described, as in each request of Claude Code's."""


class PlainModel(NamedTuple):
    """The only model of an object, spelled without escapes. It stands from *start* to *end*, quotes included."""

    start: int
    end: int
    name: str


class _Model:
    """What the decoder shows to its hook each time that the key comes, repeated ones included."""


class _Object(msgspec.Struct):
    model: _Model = _Model()


class _Models:
    """Reads the models that the outermost object of a JSON text names; for one text at a time."""

    def __init__(self) -> None:
        self._seen: list[object] = []
        self._model = _Model()
        self._decoder = msgspec.json.Decoder(_Object, dec_hook=self._take)

    def of(self, body: bytes) -> list[object]:
        """Return them in order; none as well for what is no JSON object.

        Raises:
            RecursionError: when *body* is nested too deeply.
        """
        seen: list[object] = []
        self._seen = seen
        try:
            self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        return seen

    def _take(self, _type: type[_Model], value: object) -> _Model:
        self._seen.append(value)
        return self._model


def plain_model(body: bytes) -> PlainModel | None:
    """Return the model that *body* names, which is UTF-8; None when only a full parse can show it.

    Raises:
        RecursionError: when *body* is nested too deeply.
    """
    models = _MODELS.of(body)
    if len(models) != 1:
        return None
    # Where clients mostly say it, nothing needs to be searched.
    value = _FIRST.match(body) or _LAST.search(body, max(0, len(body) - _END))
    if value is not None:
        return PlainModel(value.start(1) - 1, value.end(1) + 1, value[1].decode())
    return _searched(body, models[0])


def _searched(body: bytes, model: object) -> PlainModel | None:
    """Return where *body* says *model*, as it does only once; None when it may be in one place or another."""
    if _ESCAPED_LETTER in body:
        return None
    found: PlainModel | None = None
    at = -1
    for _ in range(_MOST_PLACES):
        at = body.find(_KEY, at + 1)
        if at < 0:
            return found
        value = _VALUE.match(body, at + len(_KEY))
        if value is None:  # no key, or its value is no string: not the one that is looked for, unless that is none
            continue
        if value[2] == b"\\":  # it may be the one, by its value
            return None
        name = value[1].decode()
        if name == model:
            if found is not None:
                return None
            found = PlainModel(value.start(1) - 1, value.end(1) + 1, name)
    return None


_MODELS: Final = _Models()
