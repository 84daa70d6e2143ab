"""The sockets between the workers and the hub of what they tell each other."""

from __future__ import annotations

import selectors
from functools import partial
from typing import TYPE_CHECKING

from extproc.workers.block_sync import Hub

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from extproc.policy.units import Instant

_PIECE = 65536


class _Line:
    """The socket to one worker. Mutable: keeps what it could not take yet."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.unsent = b""


class Switchboard:
    """Moves what workers tell, without ever waiting for one of them. Mutable: workers join and leave.

    *selector* calls what it is given when a socket is ready; it belongs to whoever runs the loop.
    """

    def __init__(self, selector: selectors.BaseSelector, clock: Callable[[], Instant]) -> None:
        self._selector = selector
        self._clock = clock
        self._hub = Hub()
        self._lines: dict[int, _Line] = {}

    def join(self, worker: int, connection: socket.socket) -> None:
        """Tell *worker*, at the other end of *connection*, what is in force, and from here on all news."""
        self._lines[worker] = _Line(connection)
        self._selector.register(connection, selectors.EVENT_READ, partial(self._serve, worker))
        self._send(worker, self._hub.join(worker, now=self._clock()))

    def leave(self, worker: int) -> None:
        """Take note of the last words of *worker*, whose process has ended; its connection can be closed."""
        while self._hear(worker):
            pass
        del self._lines[worker]
        self._hub.leave(worker)

    def _serve(self, worker: int) -> None:
        self._send(worker)
        self._hear(worker)

    def _hear(self, worker: int) -> bool:
        """Pass on what *worker* tells now; tell whether there may be more."""
        connection = self._lines[worker].connection
        if connection not in self._selector.get_map():
            return False
        try:
            data = connection.recv(_PIECE)
        except BlockingIOError:
            return False
        except ConnectionError:
            data = b""
        if not data:
            self._selector.unregister(connection)
            return False
        news = self._hub.hear(worker, data, now=self._clock())
        for other in self._lines:
            if other != worker:
                self._send(other, news)
        return True

    def _send(self, worker: int, more: bytes = b"") -> None:
        """Send *worker* what it has not been told yet, as far as its socket takes it; the rest when there is room."""
        line = self._lines[worker]
        line.unsent += more
        try:
            while line.unsent:
                line.unsent = line.unsent[line.connection.send(line.unsent) :]
        except BlockingIOError:
            pass
        except ConnectionError:  # its process is about to end
            line.unsent = b""
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.unsent else 0)
        key = self._selector.get_map().get(line.connection)
        if key is not None and key.events != wanted:
            self._selector.modify(line.connection, wanted, key.data)
