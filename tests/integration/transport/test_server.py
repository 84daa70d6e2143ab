"""Where the server listens, what it says of its health, how it goes."""

from __future__ import annotations

import asyncio
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.sidecar.ext_proc import ScriptedSession, request_body, request_headers
from support.sidecar.server import ask, now
from support.waiting import eventually

from extproc.addresses import TcpAddress, parse_address
from extproc.exchange.events import ContinueProcessing, Send
from extproc.policy.units import Instant
from extproc.system.errors import ListenError
from extproc.transport.server import FLUSH_GRACE

if TYPE_CHECKING:
    from support.sidecar.server import Serve


class Directory:
    """What a server leaves in the file system."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def modes(self) -> dict[str, int]:
        """Return the permissions of everything in it, by name."""
        return {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in self._path.iterdir()}

    def rename(self, old: str, new: str) -> None:
        """Give an entry another name."""
        (self._path / old).rename(self._path / new)


@pytest.mark.asyncio
async def test_a_running_server_is_healthy(serve: Serve, listen: str) -> None:
    """`grpc.health.v1` is what Envoy asks."""
    sidecar = await serve(at=parse_address(listen))

    assert await sidecar.health() == "SERVING"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "question", "code"),
    [
        ("Check", b"\xff\xff\xff", grpc.StatusCode.NOT_FOUND),
        ("Check", b"\x0a\x06nobody", grpc.StatusCode.NOT_FOUND),
        ("List", b"", grpc.StatusCode.UNIMPLEMENTED),
    ],
)
async def test_odd_questions_after_the_health_are_no_errors_of_ours(
    serve: Serve, caplog: pytest.LogCaptureFixture, method: str, question: bytes, code: grpc.StatusCode
) -> None:
    """Whoever asks is told so, and the log is silent."""
    sidecar = await serve()
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = sidecar.channel.unary_unary(
        f"/grpc.health.v1.Health/{method}"
    )

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(question)

    assert refused.value.code() is code
    assert caplog.records == []


@pytest.mark.asyncio
async def test_a_drain_lets_a_stream_end_and_refuses_a_new_one(serve: Serve) -> None:
    """An attempt in flight is served to its end; a new one is refused at once."""
    session = ScriptedSession(ContinueProcessing(), Send((), ()))
    sidecar = await serve(session, ScriptedSession())
    under_way = sidecar.stream()
    await ask(under_way, request_headers())

    draining = asyncio.create_task(sidecar.server.drain())
    await asyncio.sleep(0)
    late = sidecar.stream()

    assert await late.code() is grpc.StatusCode.UNAVAILABLE
    assert await sidecar.health() == "NOT_SERVING"
    assert (await ask(under_way, request_body(b""))).WhichOneof("response") == "request_body"
    assert not draining.done()

    await under_way.done_writing()

    assert await under_way.code() is grpc.StatusCode.OK
    await asyncio.wait_for(draining, timeout=5)
    await asyncio.wait_for(sidecar.server.wait_closed(), timeout=5)
    assert len(session.finished) == 1


@pytest.mark.asyncio
async def test_a_drain_does_not_wait_for_ever(serve: Serve) -> None:
    """What is left when the grace is over is cut off at once, and its session is told before the server is gone.

    Whoever has not ended by then gets no time for last words either: those are for streams that have.
    """
    session = ScriptedSession(ContinueProcessing(not_before=Instant(now() + 60_000)))
    sidecar = await serve(session)
    call = sidecar.stream()
    await call.write(request_headers())
    await eventually(lambda: bool(session.received))
    began = time.monotonic()

    await sidecar.server.drain(grace=200)

    assert 0.2 <= time.monotonic() - began < 0.2 + FLUSH_GRACE
    assert len(session.finished) == 1
    assert await call.code() is not grpc.StatusCode.OK


@pytest.mark.asyncio
async def test_an_idle_server_goes_at_once(serve: Serve) -> None:
    """There is nothing to wait for."""
    sidecar = await serve()

    await asyncio.wait_for(sidecar.server.drain(), timeout=5)


@pytest.mark.asyncio
async def test_health_watchers_are_notified_and_not_waited_for(serve: Serve) -> None:
    """A watcher never hangs up by itself; it hears of the end and does not delay it."""
    sidecar = await serve()
    watching = health_pb2_grpc.HealthStub(sidecar.channel).Watch(health_pb2.HealthCheckRequest())
    first = await watching.read()

    await asyncio.wait_for(sidecar.server.drain(), timeout=5)

    answers = health_pb2.HealthCheckResponse
    assert first == answers(status=answers.SERVING)
    assert await watching.read() == answers(status=answers.NOT_SERVING)


@pytest.mark.asyncio
async def test_a_port_in_use_is_an_error(serve: Serve) -> None:
    """Two servers on one port would share the connections between them and never say so."""
    sidecar = await serve(at=TcpAddress("127.0.0.1", 0))

    with pytest.raises(ListenError, match=f"^{sidecar.server.address}: Address already in use$"):
        await serve(at=sidecar.server.address)


@pytest.mark.asyncio
async def test_a_socket_in_use_is_an_error(serve: Serve) -> None:
    """And its server keeps its clients."""
    sidecar = await serve(ScriptedSession(ContinueProcessing()))

    with pytest.raises(ListenError, match=r"another process is listening there$"):
        await serve(at=sidecar.server.address)

    assert (await ask(sidecar.stream(), request_headers())).WhichOneof("response") == "request_headers"


@pytest.mark.asyncio
async def test_a_socket_is_its_owners_alone_and_goes_with_the_server(serve: Serve, directory: str) -> None:
    """Prompts pass through it."""
    sidecar = await serve()
    left = Directory(directory)

    assert left.modes() == {"extproc.sock": 0o600}

    await sidecar.server.drain()

    assert left.modes() == {}


@pytest.mark.asyncio
async def test_a_server_takes_the_place_of_a_killed_one(serve: Serve, directory: str) -> None:
    """A killed server cannot remove its socket."""
    killed = await serve()
    left = Directory(directory)
    left.rename("extproc.sock", "kept.sock")
    await killed.server.drain()
    left.rename("kept.sock", "extproc.sock")

    successor = await serve(ScriptedSession(ContinueProcessing()))

    assert (await ask(successor.stream(), request_headers())).WhichOneof("response") == "request_headers"
