"""One connection on the event loop: what comes goes to HTTP/2, what it leaves is written."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, Final, cast

from extproc.transport.http2.connection import Connection
from extproc.transport.http2.frames import ENHANCE_YOUR_CALM
from extproc.transport.lean.attempt import AttemptCall
from extproc.transport.lean.call import Call, Refused
from extproc.transport.lean.health import CHECK, WATCH, HealthCheck, HealthWatch
from extproc.transport.lean.status import Status
from extproc.transport.service import METHOD, SERVICE

if TYPE_CHECKING:
    from extproc.transport.lean.large_messages import LargeMessages
    from extproc.transport.lean.memory import Memory
    from extproc.transport.service import Processor

_PROCESS: Final = f"/{SERVICE}/{METHOD}"

_SILENCE: Final = 30.0
"""Seconds of silence after which the peer is sent a PING. A peer on another machine may vanish: its
streams, held ones above all, must not stay for ever."""

_PING_TIMEOUT: Final = 10.0
"""Seconds that it has for that."""

_JOINED: Final = 64 * 1024
"""Up to this many bytes, copying them together costs less than handing over the pieces."""


class Peer(asyncio.Protocol):
    """One connection; mutable. *peers* holds it as long as it is there, *watchers* those who watch the health."""

    def __init__(
        self,
        processor: Processor[Any],
        *,
        memory: Memory,
        large: LargeMessages,
        peers: set[Peer],
        watchers: set[HealthWatch],
    ) -> None:
        self._processor = processor
        self._memory = memory
        self._large = large
        self._peers = peers
        self._watchers = watchers
        self._received = True
        self._loop: asyncio.AbstractEventLoop
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle
        self.connection: Connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._loop = asyncio.get_running_loop()
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class
        self._timer = self._loop.call_later(_SILENCE, self._ask)
        self._peers.add(self)
        connected = transport.get_extra_info("socket")
        if connected is not None and connected.family != socket.AF_UNIX:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = Connection(self._new_call, self._loop.time)
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's name
        """End every call."""
        self._timer.cancel()
        self._peers.discard(self)
        self.connection.lost()

    def data_received(self, data: bytes) -> None:
        """Take it, and write what it has led to."""
        self._received = True
        self._large.data_came()
        self.connection.receive(data)
        self.flush()

    def pause_writing(self) -> None:
        """Hear no more of a peer that does not listen: it would only ask for more to be written."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Hear it again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def flush(self) -> None:
        """Write what is there to be written."""
        connection = self.connection
        sender = connection.sender
        if sender.waiting > self._memory.limit:
            connection.close(ENHANCE_YOUR_CALM)
        output, sender.output = sender.output, []
        if output and not self._transport.is_closing():
            if sum(map(len, output)) <= _JOINED:
                self._transport.write(b"".join(output))
            else:
                self._transport.writelines(output)
        if connection.closing:
            self._transport.close()

    def close(self) -> None:
        """Say that this is the end, and cut off what has not ended."""
        self.connection.close()
        self.flush()

    def _new_call(self, stream_id: int, window: int, path: str | None) -> Call:
        sender, memory = self.connection.sender, self._memory
        if path == _PROCESS:
            return AttemptCall(
                stream_id,
                window,
                sender=sender,
                memory=memory,
                processor=self._processor,
                loop=self._loop,
                large=self._large,
                flush=self.flush,
            )
        streams = self._processor.streams
        if path == CHECK:
            return HealthCheck(stream_id, window, sender=sender, memory=memory, streams=streams)
        if path == WATCH:
            return HealthWatch(
                stream_id, window, sender=sender, memory=memory, streams=streams, watchers=self._watchers
            )
        status, details = Status.UNIMPLEMENTED, "no such method"
        if path is None:
            status, details = Status.RESOURCE_EXHAUSTED, "the metadata is too large"
        return Refused(stream_id, window, sender=sender, memory=memory, status=status, details=details)

    def _ask(self) -> None:
        """Ask a silent peer for a sign of life; give up one that was asked and is silent still."""
        if self._received:
            self._received = False
            self._timer = self._loop.call_later(_SILENCE, self._ask)
        elif not self._transport.is_closing():
            self.connection.ping()
            self.flush()
            self._timer = self._loop.call_later(_PING_TIMEOUT, self._give_up)

    def _give_up(self) -> None:
        if self._received:
            self._ask()
        else:
            self._transport.abort()
