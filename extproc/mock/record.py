"""The requests that a mock provider has received."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from dataclasses import dataclass

from extproc.json_values import members

KEPT_BYTES = 1024 * 1024
"""How much of one request's body is kept; the rest is only counted and hashed."""

KEPT_CALLS = 10_000
"""How many requests are kept; the oldest go first."""

KEPT_IN_ALL = 64 * 1024 * 1024
"""How many bytes of bodies are kept in all; the oldest requests go first, the latest always stays."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as it arrived."""

    number: int  # 1 is the first since the script began
    method: str
    path: str  # with the query string
    headers: tuple[tuple[str, str], ...]  # names in lower case, in order
    body: bytes  # at most KEPT_BYTES of it
    body_length: int
    body_sha256: str
    model: str | None  # the body's top-level "model"
    streamed: bool  # the body asks for a stream
    arrived: float  # seconds on the machine's monotonic clock, when the headers were complete
    connection: int  # connections are numbered as they are accepted
    step: str  # the step that was played

    def header(self, name: str) -> str | None:
        """Return the value of header *name*; several values are joined by a comma."""
        values = [value for header, value in self.headers if header == name.lower()]
        return ", ".join(values) if values else None

    def as_json(self) -> dict[str, object]:
        """Return the call as in `/__mock/calls` and echo."""
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "headers": [list(pair) for pair in self.headers],
            "body": self.body.decode("utf-8", "replace"),
            "body_length": self.body_length,
            "body_sha256": self.body_sha256,
            "model": self.model,
            "arrived": self.arrived,
            "connection": self.connection,
            "step": self.step,
        }


class Intake:
    """A request's body as it arrives. Mutable: keeps its beginning, counts and hashes the rest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._hash = hashlib.sha256()
        self.length = 0

    def add(self, piece: bytes) -> None:
        """Add the next piece of the body."""
        self._hash.update(piece)
        self.length += len(piece)
        self._kept += piece[: self._limit - len(self._kept)]

    @property
    def kept(self) -> bytes:
        """The body, or its beginning if it is longer than the limit."""
        return bytes(self._kept)

    @property
    def sha256(self) -> str:
        """SHA-256 of the whole body, in hexadecimal."""
        return self._hash.hexdigest()

    def fields(self) -> dict[str, object]:
        """Return the members of the body if it is a whole JSON object; else an empty dict."""
        if self.length != len(self._kept):
            return {}
        try:
            parsed: object = json.loads(self._kept)
        except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
            return {}
        return members(parsed)


class Log:
    """All requests to one provider since its script started. Mutable: calls are added."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()
        self._kept = 0  # bytes of bodies
        self.begun = 0  # requests whose headers have arrived, whole or not
        self.completed = 0  # requests that arrived whole
        self.hangups = 0  # requests whose client disconnected before the response was complete

    @property
    def calls(self) -> tuple[Call, ...]:
        """The requests that arrived whole, in order of their end."""
        return tuple(self._calls)

    def add(self, call: Call) -> None:
        """Add *call*, and drop the oldest calls above the limits."""
        self.completed += 1
        self._calls.append(call)
        self._kept += len(call.body)
        while len(self._calls) > KEPT_CALLS or (self._kept > KEPT_IN_ALL and len(self._calls) > 1):
            self._kept -= len(self._calls.popleft().body)
