"""A real gRPC server and Envoy's side of a stream, both in this process."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from extproc._gen import wire_pb2 as pb
from extproc.policy.units import Instant
from extproc.system.socket_files import OWNER_ALONE
from extproc.transport.lean.server import LeanServer
from extproc.transport.server import Server
from extproc.transport.service import METHOD, SERVICE, Processor
from extproc.transport.tls import channel_credentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extproc.addresses import Address
    from extproc.system.socket_files import SocketAccess
    from extproc.tls_files import TlsFiles
    from support.sidecar.ext_proc import ScriptedSession

MAX_BODY = 32 * 1024 * 1024
_UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))

Call: TypeAlias = "grpc.aio.StreamStreamCall[pb.ProcessingRequest, pb.ProcessingResponse]"


def now() -> Instant:
    """Return the time, as the program's own clock does."""
    return Instant(time.time_ns() // 1_000_000)


async def ask(call: Call, message: pb.ProcessingRequest) -> pb.ProcessingResponse:
    """Send *message* and return the answer to it."""
    await call.write(message)
    answer = await call.read()
    assert isinstance(answer, pb.ProcessingResponse)
    return answer


class Sidecar:
    """A server that is up, and a channel to it."""

    def __init__(self, server: Server | LeanServer, channel: grpc.aio.Channel, observed: list[list[str]]) -> None:
        self.server = server
        self.channel = channel
        self.observed = observed

    def stream(self) -> Call:
        """Open a stream as Envoy does."""
        method = self.channel.stream_stream(
            f"/{SERVICE}/{METHOD}",
            request_serializer=_bytes,
            response_deserializer=pb.ProcessingResponse.FromString,
        )
        return method()

    async def health(self) -> str:
        """Return what the server says of itself."""
        answer = await health_pb2_grpc.HealthStub(self.channel).Check(health_pb2.HealthCheckRequest())
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


class Serve(Protocol):
    """Starts a server for these sessions: each stream that comes is given the next one."""

    async def __call__(
        self, *sessions: ScriptedSession, at: Address | None = None, max_body_bytes: int = MAX_BODY
    ) -> Sidecar:  # pyright: ignore[reportReturnType] -- a protocol
        """Return it when it is up; the address is a socket in the test's directory unless *at* says otherwise."""


def a_channel(address: Address, tls: TlsFiles | None = None) -> grpc.aio.Channel:
    """Return a channel to a server, by mutual TLS if that is given."""
    if tls is None:
        return grpc.aio.insecure_channel(str(address), options=_UNLIMITED)
    credentials, options = channel_credentials(tls)
    return grpc.aio.secure_channel(str(address), credentials, options=(*_UNLIMITED, *options))


def _bytes(message: pb.ProcessingRequest) -> bytes:
    return message.SerializeToString()


@asynccontextmanager
async def running(
    sessions: list[ScriptedSession],
    *,
    listen: Address,
    max_body_bytes: int = MAX_BODY,
    access: SocketAccess = OWNER_ALONE,
    tls: TlsFiles | None = None,
    lean: bool = False,
) -> AsyncIterator[Sidecar]:
    """Keep a server for *sessions* up."""
    observed: list[list[str]] = []
    processor = Processor(lambda: sessions.pop(0), now, observed.append)
    server: Server | LeanServer
    if lean:
        server = LeanServer(processor, listen=listen, max_body_bytes=max_body_bytes, access=access)
    else:
        server = Server(processor, listen=listen, max_body_bytes=max_body_bytes, access=access, tls=tls)
    await server.start()
    try:
        async with a_channel(server.address, tls) as channel:
            yield Sidecar(server, channel, observed)
    finally:
        await server.drain(grace=0)
