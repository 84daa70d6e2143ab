"""The gRPC server: where it listens, what it serves, how it drains."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health

from extproc.addresses import TcpAddress, UnixAddress
from extproc.system.errors import ListenError
from extproc.system.listening import exclusive_bind
from extproc.system.socket_files import OWNER_ALONE
from extproc.transport.health import health_handlers
from extproc.transport.tls import server_credentials

if TYPE_CHECKING:
    from extproc.addresses import Address
    from extproc.policy.units import Millis
    from extproc.system.socket_files import SocketAccess
    from extproc.tls_files import TlsFiles
    from extproc.transport.service import Processor

HEADROOM = 1024 * 1024
"""What a message may need beside the body in it."""

FLUSH_GRACE = 1.0
"""Seconds for gRPC to flush the ends of the last streams; a watcher of the health can make it last that long."""

_OPTIONS = (
    # Two servers on one port would each get half of the connections, and neither would say so.
    ("grpc.so_reuseport", 0),
    ("grpc.max_send_message_length", -1),
    # An Envoy on another machine may vanish without closing: its streams, held ones above all, must not stay for ever.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Envoy may be configured to ping as often as it likes; gRPC's default is to hang up on the third ping.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 0),
)
"""The rest is gRPC's default, on purpose: streams of one connection are unlimited, and the windows of flow control
follow the measured bandwidth (larger fixed windows and frames changed nothing for a body of 20 MB)."""


class Server:
    """One worker's server; made inside the event loop that serves it, started once, drained once.

    A Unix socket to *listen* on is for those of *access*; TCP is by mutual TLS if *tls* is given. Message sizes are
    bounded by our own limit on bodies and nothing else.
    """

    def __init__(
        self,
        processor: Processor[Any],
        *,
        listen: Address,
        max_body_bytes: int,
        access: SocketAccess = OWNER_ALONE,
        tls: TlsFiles | None = None,
    ) -> None:
        self._address = listen
        self._access = access
        self._tls = tls
        self._streams = processor.streams
        self._health = health.aio.HealthServicer()
        self._grpc = grpc.aio.server(
            options=(*_OPTIONS, ("grpc.max_receive_message_length", max_body_bytes + HEADROOM))
        )
        self._grpc.add_generic_rpc_handlers((processor.handlers(), health_handlers(self._health)))

    @property
    def address(self) -> Address:
        """Where the server listens; once started, with the port that port 0 has become."""
        return self._address

    async def start(self) -> None:
        """Listen and serve; `grpc.health.v1` says SERVING from here on.

        Raises:
            ListenError: the address is in use or cannot be used, or the files of TLS cannot.
        """
        with exclusive_bind(self._address, self._access):
            port = self._bind()
        if isinstance(self._address, TcpAddress):
            self._address = replace(self._address, port=port)
        await self._grpc.start()

    async def drain(self, grace: Millis = 30_000) -> None:
        """Drain: refuse new streams, let those in flight end, cut off what is left after *grace*.

        Health checks get NOT_SERVING to the end: that is how Envoy learns to send its next streams
        elsewhere before the connection closes.
        """
        self._streams.accepting = False
        await self._health.enter_graceful_shutdown()
        flush: float | None = FLUSH_GRACE
        try:
            async with asyncio.timeout(grace / 1000):
                await self._streams.wait_idle()
        except TimeoutError:
            flush = None
        await self._grpc.stop(flush)
        await self._streams.wait_idle()  # those that were cut off end a moment later: each has a record to leave
        if isinstance(self._address, UnixAddress):
            self._address.path.unlink(missing_ok=True)

    async def wait_closed(self) -> None:
        """Return when the server has stopped."""
        await self._grpc.wait_for_termination()

    def _bind(self) -> int:
        try:
            if self._tls is None or isinstance(self._address, UnixAddress):
                return self._grpc.add_insecure_port(str(self._address))
            return self._grpc.add_secure_port(str(self._address), server_credentials(self._tls))
        except RuntimeError as error:  # all that gRPC has to say: the reason went to its own log
            raise ListenError(f"{self.address}: cannot listen there") from error
