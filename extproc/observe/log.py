"""Log lines: an event's name and fields, as text for people or as JSON for machines."""

from __future__ import annotations

import json
import logging
import re
import time
from typing import TYPE_CHECKING, TextIO, TypeAlias

from extproc.config.gateway import LogFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extproc.exchange.attempt_record import AttemptRecord

Fields: TypeAlias = "Mapping[str, str | int]"

ATTEMPT = "attempt"
"""Event: one attempt has ended."""

_FIELDS = "fields"
_LONGEST = 256  # characters of a value: request ids and names of models can come from clients
_BARE = re.compile(r"[\w.:/@*+#-]+", re.ASCII)

_log = logging.getLogger("extproc")


def set_up_logging(style: LogFormat, stream: TextIO) -> None:
    """Send what this process logs, from INFO on, to *stream* in *style*."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if style is LogFormat.JSON else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def attempt_log() -> Callable[[AttemptRecord], None]:
    """Return what writes each record that it is given as one line."""

    def observe(record: AttemptRecord) -> None:
        log_event(ATTEMPT, attempt_fields(record))

    return observe


def log_event(event: str, fields: Fields, *, level: int = logging.INFO) -> None:
    """Write one line about *event*."""
    _log.log(level, event, extra={_FIELDS: fields})


def attempt_fields(record: AttemptRecord) -> Fields:
    """Return what a line says about *record*; what did not happen is left out.

    Names are part of the interface: people search for them. `_ms` is milliseconds.
    """
    called = record.target is not None
    fields: Mapping[str, str | int | None] = {
        "request": record.request_id,
        "attempt": record.attempt,
        "api": record.api,
        "target": record.target,
        "key": record.key if called else None,
        "reason": record.reason,
        "waited_ms": record.waited if called else None,
        "charged": record.charged or None,
        "outcome": record.outcome or None,
        "why": record.why or None,
        "status": record.status,
        "first_byte_ms": record.first_byte,
        "total_ms": record.total,
        "ending": record.ending,
        "stop": record.stop,
        "next": record.next_target,
    }
    return {name: _short(value) for name, value in fields.items() if value is not None}


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO attempt request=… target=openai/gpt-4o outcome=http_429`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, whatever the values hold."""
        words = [_time_of(record), record.levelname, _message_of(record)]
        words += [f"{name}={_quoted(value)}" for name, value in _fields_of(record).items()]
        return " ".join(words)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `event`, then the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of ASCII."""
        told = {"time": _time_of(record), "level": record.levelname.lower(), "event": _message_of(record)}
        return json.dumps({**told, **_fields_of(record)})


def _fields_of(record: logging.LogRecord) -> Fields:
    fields: Fields = record.__dict__.get(_FIELDS, {})
    return fields


def _message_of(record: logging.LogRecord) -> str:
    """Return the message on one line; a traceback says no more than its error's type, for it may quote values."""
    message = " ".join(record.getMessage().split())
    if record.exc_info and record.exc_info[0]:
        message = f"{message} ({record.exc_info[0].__name__})"
    return message


def _time_of(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03}Z"


def _short(value: str | int) -> str | int:
    return value[:_LONGEST] if isinstance(value, str) else value


def _quoted(value: str | int) -> str:
    """Return *value* so that it cannot end the line or pass for another field."""
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text)
