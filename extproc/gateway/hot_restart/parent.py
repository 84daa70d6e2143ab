"""The Envoy before the one that serves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from extproc.gateway.envoy_admin import requests_in_flight
from extproc.system.tcp_sockets import connections_to

if TYPE_CHECKING:
    from extproc.gateway.envoy_admin import Lines

LINGER = 30.0
"""Seconds for which connections that wait for a client's next request are kept: its answer closes them in peace."""

_PAUSE = 0.5
_SELDOM = 1 / 16  # pauses grow with the time that has passed: the lines must last


class Predecessor:
    """An Envoy that has been replaced, takes no new connections, and answers what it has begun.

    Mutable: it is asked from time to time. Each connection is closed with its next answer, so one that has none left is
    done; *patience* is how many seconds its longest request can take.
    """

    def __init__(self, pid: int, port: int, lines: Lines, *, patience: float) -> None:
        self.told_to_end: float | None = None
        self._pid = pid
        self._port = port
        self._lines = lines
        self._patience = patience
        self._since = time.monotonic()
        self._next_question = self._since
        self._told: int | None = None

    @property
    def age(self) -> float:
        """How many seconds ago it was replaced."""
        return time.monotonic() - self._since

    @property
    def is_done(self) -> bool:
        """Whether it can be ended without a loss."""
        if self.age > self._patience or connections_to(self._pid, self._port) == 0:
            return True
        return self.age > LINGER and self.requests_in_flight() == 0

    def requests_in_flight(self) -> int:
        """Return how many requests it has not answered yet; how many connections it has left when it does not say."""
        connections = connections_to(self._pid, self._port)
        if connections == 0:
            return 0
        now = time.monotonic()
        if now >= self._next_question:
            self._told = requests_in_flight(self._lines)
            self._next_question = now + max(_PAUSE, self.age * _SELDOM)
        return self._told if self._told is not None else connections or 1

    def close(self) -> None:
        """Ask it no more."""
        self._lines.close()
