"""Log lines: an event's name and fields, as text for people or as JSON for machines."""

from __future__ import annotations

import json
import logging
import re
import time
from contextlib import contextmanager
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from extproc.config.gateway import LogFormat
from extproc.observe.line_writer import LineWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from extproc.exchange.attempt_record import AttemptRecord
    from extproc.observe.line_writer import LineStream

Fields: TypeAlias = "Mapping[str, str | int]"

ATTEMPT = "attempt"
"""Event: one attempt has ended."""

LINES_DROPPED = "log_lines_dropped"
"""Event: whatever reads the log has not kept up."""

_FIELDS = "fields"
_LONGEST = 256  # characters of a value: request ids and names of models can come from clients
_BARE = re.compile(r"[\w.:/@*+#-]+", re.ASCII)

_log = logging.getLogger("extproc")


def set_up_logging(style: LogFormat, stream: LineStream) -> None:
    """Send what this process logs, from INFO on, to *stream* in *style*."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(style))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def attempt_log(style: LogFormat, stream: LineStream) -> Callable[[AttemptRecord], None]:
    """Return what writes each record that it is given as one line of *style* to *stream*.

    The line is what `log_event` would write, at a third of the cost: there is one for each attempt.
    """
    line = _LINE_OF[style]

    def observe(record: AttemptRecord) -> None:
        stream.write(line(time.time(), "INFO", ATTEMPT, attempt_fields(record)) + "\n")

    return observe


@contextmanager
def batched_log(style: LogFormat, stream: LineStream) -> Generator[LineStream]:
    """Have what this process logs in *style* written to *stream* in batches; what it yields takes lines of its own."""

    def lines_dropped(count: int) -> str:
        return _LINE_OF[style](time.time(), "WARNING", LINES_DROPPED, {"lines": count}) + "\n"

    writer = LineWriter(stream, lines_dropped)
    set_up_logging(style, writer)
    try:
        yield writer
    finally:
        writer.close()


def log_event(event: str, fields: Fields, *, level: int = logging.INFO) -> None:
    """Write one line about *event*."""
    _log.log(level, event, extra={_FIELDS: fields})


def attempt_fields(record: AttemptRecord) -> Fields:
    """Return what a line says about *record*; what did not happen is left out.

    Names are part of the interface: people search for them. `_ms` is milliseconds.
    """
    called = record.target is not None
    fields: Mapping[str, str | int | None] = {
        "request_id": record.request_id,
        "attempt": record.attempt,
        "api": record.api,
        "target": record.target,
        "key": record.key if called else None,
        "target_reason": record.target_reason,
        "waited_ms": record.waited if called else None,
        "previous_outcome": record.previous_outcome or None,
        "outcome": record.outcome or None,
        "envoy_details": record.envoy_details or None,
        "status": record.status,
        "ttfb_ms": record.ttfb,
        "total_ms": record.total,
        "result": record.result,
        "stop_reason": record.stop_reason,
        "next_target": record.next_target,
    }
    return {name: _short(value) for name, value in fields.items() if value is not None}


class LineFormatter(logging.Formatter):
    """Makes one line of a record, whatever its values hold."""

    def __init__(self, style: LogFormat) -> None:
        super().__init__()
        self._line = _LINE_OF[style]

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return self._line(record.created, record.levelname, _message_of(record), _fields_of(record))


def _text_line(created: float, level: str, event: str, fields: Fields) -> str:
    """Return `2026-01-31T12:00:00.123Z INFO attempt request_id=… target=openai/gpt-4o outcome=http_429`."""
    words = [f"{name}={value if type(value) is int else _quoted(value)}" for name, value in fields.items()]
    return " ".join((_time(created), level, event, *words))


def _json_line(created: float, level: str, event: str, fields: Fields) -> str:
    """Return one JSON object in ASCII: `time`, `level`, `event`, then the event's fields."""
    return json.dumps({"time": _time(created), "level": level.lower(), "event": event, **fields})


_LINE_OF: Final[Mapping[LogFormat, Callable[[float, str, str, Fields], str]]] = MappingProxyType(
    {LogFormat.TEXT: _text_line, LogFormat.JSON: _json_line}
)


def _fields_of(record: logging.LogRecord) -> Fields:
    fields: Fields = record.__dict__.get(_FIELDS, {})
    return fields


def _message_of(record: logging.LogRecord) -> str:
    """Return the message on one line; a traceback says no more than its error's type, for it may quote values."""
    message = " ".join(record.getMessage().split())
    if record.exc_info and record.exc_info[0]:
        message = f"{message} ({record.exc_info[0].__name__})"
    return message


def _time(created: float) -> str:
    """Return an instant (seconds since 1970) in UTC, as RFC 3339 writes it."""
    seconds = int(created)
    return f"{_second(seconds)}.{int((created - seconds) * 1000):03}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _short(value: str | int) -> str | int:
    return value[:_LONGEST] if isinstance(value, str) else value


def _quoted(value: str | int) -> str:
    """Return *value* so that it cannot end the line or pass for another field."""
    text = value if type(value) is str else str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text)
