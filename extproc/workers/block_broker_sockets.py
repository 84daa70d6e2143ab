"""The sockets between the workers and their block broker."""

from __future__ import annotations

import selectors
from functools import partial
from typing import TYPE_CHECKING

from extproc.workers.block_sync import BlockBroker

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from extproc.policy.units import Instant

_RECEIVE_SIZE = 65536


class _Connection:
    """The socket to one worker. Mutable: buffers what the socket could not take yet."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.unsent = b""


class BlockBrokerSockets:
    """Moves blocks between workers over non-blocking sockets. Mutable: workers subscribe and unsubscribe.

    *selector* calls a key's data when its socket is ready; it belongs to the supervisor, which runs the loop.
    """

    def __init__(self, selector: selectors.BaseSelector, clock: Callable[[], Instant]) -> None:
        self._selector = selector
        self._clock = clock
        self._broker = BlockBroker()
        self._connections: dict[int, _Connection] = {}

    def subscribe(self, worker: int, sock: socket.socket) -> None:
        """Send *worker*, at the other end of *sock*, all blocks in force, and every new one from now on."""
        self._connections[worker] = _Connection(sock)
        self._selector.register(sock, selectors.EVENT_READ, partial(self._serve, worker))
        self._send(worker, self._broker.subscribe(worker, now=self._clock()))

    def unsubscribe(self, worker: int) -> None:
        """Drop *worker*, whose process has exited, after reading what it still sent; its socket can be closed."""
        while self._receive(worker):
            pass
        del self._connections[worker]
        self._broker.unsubscribe(worker)

    def _serve(self, worker: int) -> None:
        self._send(worker)
        self._receive(worker)

    def _receive(self, worker: int) -> bool:
        """Forward the blocks that *worker* has sent; return whether there may be more to read."""
        sock = self._connections[worker].sock
        if sock not in self._selector.get_map():
            return False
        try:
            data = sock.recv(_RECEIVE_SIZE)
        except BlockingIOError:
            return False
        except ConnectionError:
            data = b""
        if not data:
            self._selector.unregister(sock)
            return False
        update = self._broker.receive(worker, data, now=self._clock())
        for other in self._connections:
            if other != worker:
                self._send(other, update)
        return True

    def _send(self, worker: int, more: bytes = b"") -> None:
        """Send *worker* the buffered bytes and *more*; what its socket does not take is sent when it is writable."""
        connection = self._connections[worker]
        connection.unsent += more
        try:
            while connection.unsent:
                connection.unsent = connection.unsent[connection.sock.send(connection.unsent) :]
        except BlockingIOError:
            pass
        except ConnectionError:  # its process is about to exit
            connection.unsent = b""
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
        key = self._selector.get_map().get(connection.sock)
        if key is not None and key.events != wanted:
            self._selector.modify(connection.sock, wanted, key.data)
