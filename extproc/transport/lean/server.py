"""The server on bare connections: where it listens, how it drains."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from extproc.addresses import TcpAddress, UnixAddress
from extproc.system.errors import ListenError
from extproc.system.listening import exclusive_bind
from extproc.system.socket_files import OWNER_ALONE
from extproc.transport.lean.large_messages import LargeMessages
from extproc.transport.lean.memory import Memory
from extproc.transport.lean.peer import Peer
from extproc.transport.lean.status import Status
from extproc.transport.server import HEADROOM
from extproc.transport.service import STOPPING

if TYPE_CHECKING:
    from extproc.addresses import Address
    from extproc.policy.units import Millis
    from extproc.system.socket_files import SocketAccess
    from extproc.transport.lean.health import HealthWatch
    from extproc.transport.service import Processor

_BACKLOG: Final = 1024


class LeanServer:
    """One worker's server; made inside the event loop that serves it, started once, drained once.

    A Unix socket to *listen* on is for those of *access*; TCP is without TLS. Message sizes are bounded by
    our own limit on bodies and nothing else.
    """

    def __init__(
        self, processor: Processor[Any], *, listen: Address, max_body_bytes: int, access: SocketAccess = OWNER_ALONE
    ) -> None:
        self._address = listen
        self._access = access
        self._processor = processor
        self._memory = Memory(max_body_bytes + HEADROOM)
        self._large: LargeMessages
        self._peers: set[Peer] = set()
        self._watchers: set[HealthWatch] = set()
        self._server: asyncio.Server
        self._closed = asyncio.Event()

    @property
    def address(self) -> Address:
        """Where the server listens; once started, with the port that port 0 has become."""
        return self._address

    async def start(self) -> None:
        """Listen and serve; `grpc.health.v1` says SERVING from here on.

        Raises:
            ListenError: the address is in use or cannot be used.
        """
        loop = asyncio.get_running_loop()
        self._large = LargeMessages(loop)
        with exclusive_bind(self._address, self._access):
            try:
                match self._address:
                    case UnixAddress(path=path):
                        self._server = await loop.create_unix_server(self._peer, str(path), backlog=_BACKLOG)
                    case TcpAddress(host=host, port=port):
                        self._server = await loop.create_server(self._peer, host, port, backlog=_BACKLOG)
                        port = self._server.sockets[0].getsockname()[1]
                        self._address = replace(self._address, port=port)
            except OSError as error:
                raise ListenError(f"{self.address}: cannot listen there") from error

    async def drain(self, grace: Millis = 30_000) -> None:
        """Drain: refuse new streams, let those in flight end, cut off what is left after *grace*.

        Health checks get NOT_SERVING to the end: that is how Envoy learns to send its next streams
        elsewhere before the connection closes.
        """
        streams = self._processor.streams
        streams.accepting = False
        for watcher in list(self._watchers):
            watcher.changed()
        for peer in list(self._peers):
            peer.flush()
        try:
            async with asyncio.timeout(grace / 1000):
                await streams.wait_idle()
        except TimeoutError:
            pass
        self._server.close()
        for watcher in list(self._watchers):  # properly: their last message would be lost with the connection
            watcher.end(Status.UNAVAILABLE, STOPPING)
        for peer in list(self._peers):
            peer.close()
        await streams.wait_idle()
        if isinstance(self._address, UnixAddress):
            self._address.path.unlink(missing_ok=True)
        self._closed.set()

    async def wait_closed(self) -> None:
        """Return when the server has stopped."""
        await self._closed.wait()

    def _peer(self) -> Peer:
        return Peer(self._processor, memory=self._memory, large=self._large, peers=self._peers, watchers=self._watchers)
