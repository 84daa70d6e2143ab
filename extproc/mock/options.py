"""The options of a script's steps: their names and values."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.json_values import is_array, is_object
from extproc.mock.step import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extproc.mock.step import Step

_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?")
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})


def set_option(step: Step, name: str, value: object) -> Step:
    """Return *step* with option *name* set to *value*, a JSON value.

    Raises:
        ValueError: when the option cannot have that value.
    """
    return _SETTERS[name](step, value)


def options_of(action: Action) -> frozenset[str]:
    """Return the names of the options that a step of *action* may have."""
    return _ALLOWED[action]


def _unexpected(expected: str, value: object) -> ValueError:
    return ValueError(f"expected {expected}, got {json.dumps(value)}")


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise _unexpected("a number of seconds", value)
    return float(value)


def _events(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _unexpected("a number of events, 1 or more", value)
    return value


def _bytes(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _unexpected("a number of bytes", value)
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _unexpected("true or false", value)
    return value


def _status(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise _unexpected("a status from 200 to 599", value)
    return value


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _unexpected("a string or a number", value)
    return str(value)


def _body(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    if not is_object(value):
        raise _unexpected('{"name": "value"}', value)
    pairs = tuple(
        (str(name).lower(), _text(one))
        for name, values in value.items()
        for one in (values if is_array(values) else [values])
    )
    for name, one in pairs:
        if not _HEADER_NAME.fullmatch(name) or name in _FRAMING:
            raise ValueError(f"{name!r} is not a header that a script can set")
        if not _HEADER_VALUE.fullmatch(one):
            raise ValueError(f"{one!r} is not a valid value of header {name}")
    return pairs


_SETTERS: Mapping[str, Callable[[Step, object], Step]] = MappingProxyType(
    {
        "headers": lambda step, value: replace(step, headers=(*step.headers, *_headers(value))),
        "retry_after": lambda step, value: replace(step, headers=(*step.headers, *_headers({"retry-after": value}))),
        "status": lambda step, value: replace(step, status=_status(value)),
        "body": lambda step, value: replace(step, body=_body(value)),
        "delay": lambda step, value: replace(step, delay=_seconds(value)),
        "sse": lambda step, value: replace(step, sse=_events(value)),
        "gap": lambda step, value: replace(step, gap=_seconds(value)),
        "sent": lambda step, value: replace(step, sent=_bytes(value)),
        "chunked": lambda step, value: replace(step, chunked=_flag(value)),
        "seconds": lambda step, value: replace(step, seconds=_seconds(value)),
    }
)

_CONNECTION_ONLY = frozenset({"delay"})
_WHOLE_RESPONSE = frozenset({"headers", "retry_after", "body", "delay", "status"})
_BROKEN_BODY = _WHOLE_RESPONSE | {"gap", "sent", "chunked"}
_ALLOWED: Mapping[Action, frozenset[str]] = MappingProxyType(
    {
        Action.RESPOND: (_WHOLE_RESPONSE - {"status"}) | {"sse", "gap", "chunked"},
        Action.ECHO: _WHOLE_RESPONSE - {"body"},
        Action.SLOW_BODY: _WHOLE_RESPONSE | {"seconds"},
        Action.RESET: _CONNECTION_ONLY,
        Action.RESET_MID_HEADERS: _CONNECTION_ONLY | {"gap"},
        Action.RESET_MID_BODY: _BROKEN_BODY,
        Action.CLOSE_MID_BODY: _BROKEN_BODY,
        Action.CLOSE: _CONNECTION_ONLY,
        Action.SILENCE: frozenset({"seconds"}),
    }
)
