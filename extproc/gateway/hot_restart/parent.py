"""The parent Envoy of a hot restart, which drains."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from extproc.gateway.envoy_admin import requests_in_flight
from extproc.system.tcp_sockets import connections_to

if TYPE_CHECKING:
    from extproc.gateway.envoy_admin import PinnedConnections

LINGER = 30.0
"""Seconds for which idle client connections are kept: the response to their next request closes them cleanly."""

_POLL_INTERVAL = 0.5
_POLL_BACKOFF = 1 / 16  # the interval grows with the age: each poll may cost a pinned connection


class ParentEnvoy:
    """An Envoy that was replaced: it accepts no connections and completes its requests in flight.

    Mutable: polls it. Envoy closes each connection with its next response, so that it has drained when none is left;
    *timeout* is the duration of its longest possible request, in seconds.
    """

    def __init__(self, pid: int, port: int, admin: PinnedConnections, *, timeout: float) -> None:
        self.terminated_at: float | None = None
        self._pid = pid
        self._port = port
        self._admin = admin
        self._timeout = timeout
        self._since = time.monotonic()
        self._next_poll = self._since
        self._reported: int | None = None

    @property
    def age(self) -> float:
        """How many seconds ago it was replaced."""
        return time.monotonic() - self._since

    @property
    def has_drained(self) -> bool:
        """Whether it can be terminated without losing a request."""
        if self.age > self._timeout or connections_to(self._pid, self._port) == 0:
            return True
        return self.age > LINGER and self.requests_in_flight() == 0

    def requests_in_flight(self) -> int:
        """Return its number of requests in flight, or of open connections if it does not report that."""
        connections = connections_to(self._pid, self._port)
        if connections == 0:
            return 0
        now = time.monotonic()
        if now >= self._next_poll:
            self._reported = requests_in_flight(self._admin)
            self._next_poll = now + max(_POLL_INTERVAL, self.age * _POLL_BACKOFF)
        return self._reported if self._reported is not None else connections or 1

    def close(self) -> None:
        """Close the connections to its admin endpoint."""
        self._admin.close()
