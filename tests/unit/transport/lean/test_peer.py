"""One connection and its calls, without a network: bytes in, bytes out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from support.sidecar.ext_proc import ScriptedSession, request_body, request_headers
from support.sidecar.http2 import GREETING, data, kinds, read_frames, request, request_block, uint32
from support.waiting import eventually

from extproc.exchange.events import ContinueProcessing, Send
from extproc.policy.units import Instant
from extproc.transport.codec.large_bodies import LARGE
from extproc.transport.http2 import frames
from extproc.transport.http2.frames import frame
from extproc.transport.lean import peer as peer_module
from extproc.transport.lean.large_messages import LargeMessages
from extproc.transport.lean.memory import Memory
from extproc.transport.lean.messages import prefixed
from extproc.transport.lean.peer import Peer
from extproc.transport.lean.status import Status
from extproc.transport.service import Processor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc._gen import wire_pb2 as pb

PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
HELD = ContinueProcessing(not_before=Instant(10**15))


class Wire(asyncio.Transport):
    """What a peer writes to, and stops; nothing leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = self.aborted = self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Remember it."""
        self.written.append(bytes(data))

    def close(self) -> None:
        """Remember it."""
        self.closed = True

    def abort(self) -> None:
        """Remember it."""
        self.aborted = True

    def is_closing(self) -> bool:
        """Return whether one of them was."""
        return self.closed or self.aborted

    def pause_reading(self) -> None:
        """Remember it."""
        self.paused = True

    def resume_reading(self) -> None:
        """Remember it."""
        self.paused = False


class OnePeer:
    """A peer with these sessions, and what it has written."""

    def __init__(self, *sessions: ScriptedSession, largest_message: int = 10_000) -> None:
        self.sessions = list(sessions)
        self.observed: list[list[str]] = []
        self.processor = Processor(lambda: self.sessions.pop(0), lambda: Instant(0), self.observed.append)
        self.memory = Memory(largest_message)
        self.wire = Wire()
        self.peers: set[Peer] = set()
        self.large = LargeMessages(asyncio.get_running_loop())
        self.peer = Peer(self.processor, memory=self.memory, large=self.large, peers=self.peers, watchers=set())
        self.peer.connection_made(self.wire)
        self.peer.data_received(GREETING)
        self.wire.written.clear()

    def hear(self, *pieces: bytes) -> list[tuple[int, int, int, bytes]]:
        """Take *pieces*; return the frames that were written."""
        for piece in pieces:
            self.peer.data_received(piece)
        return self.frames()

    def frames(self) -> list[tuple[int, int, int, bytes]]:
        """Return what was written, once."""
        written = b"".join(self.wire.written)
        self.wire.written.clear()
        return read_frames(written)


def message(what: pb.ProcessingRequest, stream: int = 1) -> bytes:
    """Return the frame with *what* on *stream*."""
    return data(stream, prefixed(what.SerializeToString()))


def status(found: Sequence[tuple[int, int, int, bytes]], stream: int = 1) -> int | None:
    """Return how the call on *stream* has ended."""
    for kind, flags, on, block in found:
        if kind == frames.HEADERS and on == stream and flags & frames.END_STREAM:
            at = block.index(b"grpc-status") + len(b"grpc-status")
            return int(block[at + 1 : at + 1 + block[at]])
    return None


@pytest.mark.asyncio
async def test_a_method_that_is_not_there() -> None:
    one = OnePeer()

    assert status(one.hear(request(1, "/other.Service/Method"))) == Status.UNIMPLEMENTED
    assert one.observed == []


@pytest.mark.asyncio
async def test_metadata_that_is_too_large() -> None:
    """One call's metadata is no reason to end the others on its connection."""
    one = OnePeer(ScriptedSession(ContinueProcessing()))
    block = request_block(PROCESS, ("x-large", "v" * 14_000), ("x-more", "w" * 14_000))
    cut = 16_000

    found = one.hear(
        request(1, PROCESS),
        frame(frames.HEADERS, 0, 3, block[:cut]) + frame(frames.CONTINUATION, frames.END_HEADERS, 3, block[cut:]),
    )

    assert status(found, 3) == Status.RESOURCE_EXHAUSTED
    assert kinds(one.hear(message(request_headers()))) == [frames.HEADERS, frames.DATA]


@pytest.mark.asyncio
async def test_a_message_that_breaks_off() -> None:
    """The end of the call came in the middle of it."""
    session = ScriptedSession()
    one = OnePeer(session)

    assert status(one.hear(request(1, PROCESS), data(1, b"\x00\x00\x00\x00\x09half", end=True))) == Status.INTERNAL
    assert len(session.finished) == 1


@pytest.mark.asyncio
async def test_messages_wait_while_an_attempt_is_held_and_are_limited() -> None:
    """No Envoy sends as many, and no peer makes us keep more."""
    session = ScriptedSession(HELD)
    one = OnePeer(session)
    one.hear(request(1, PROCESS), message(request_headers()))
    more = message(request_body(b"x"))

    assert status(one.hear(*[more] * 16)) is None
    assert one.memory.held > 0
    assert status(one.hear(more)) == Status.RESOURCE_EXHAUSTED
    assert one.memory.held == 0
    assert len(session.finished) == 1


@pytest.mark.asyncio
async def test_what_is_held_of_incomplete_messages_is_limited() -> None:
    """Over all calls: the one that is too many ends, the others go on."""
    sessions = ScriptedSession(ContinueProcessing()), ScriptedSession()
    one = OnePeer(*sessions)
    one.memory.limit = 100
    whole = prefixed(request_headers((":path", "/" * 90)).SerializeToString())
    first = one.hear(request(1, PROCESS), data(1, whole[:80]), request(3, PROCESS))

    assert (status(first), one.memory.held) == (None, 80)
    assert status(one.hear(data(3, whole[:40])), 3) == Status.RESOURCE_EXHAUSTED
    assert one.memory.held == 80
    responded = one.hear(data(1, whole[80:]))
    assert [kind for kind, _, on, _ in responded if on == 1] == [frames.HEADERS, frames.DATA]
    assert one.memory.held == 0


@pytest.mark.asyncio
async def test_a_call_that_is_over_receives_nothing() -> None:
    session = ScriptedSession(KeyError("a fault"))
    one = OnePeer(session)

    first = one.hear(request(1, PROCESS), message(request_headers()) + message(request_body(b"x")))

    assert status(first) == Status.INTERNAL
    assert [type(event).__name__ for event in session.received] == ["RequestHeaders"]
    assert one.hear(message(request_body(b"x"))) == []
    assert one.processor.streams.count == 0


@pytest.mark.asyncio
async def test_a_peer_that_does_not_read_is_not_read_from() -> None:
    """It would only ask for more to be written."""
    one = OnePeer()

    one.peer.pause_writing()
    assert one.wire.paused
    one.peer.resume_writing()
    assert not one.wire.paused


@pytest.mark.asyncio
async def test_what_waits_for_a_window_is_limited() -> None:
    """A peer that asks and never reads the responses is disconnected."""
    body = bytes(60_000)
    sessions = [ScriptedSession(Send((), (), body=body)) for _ in range(3)]
    one = OnePeer(*sessions, largest_message=100_000)
    one.memory.limit = 100_000
    ask = [request(1 + 2 * n, PROCESS) + message(request_body(b"x"), 1 + 2 * n) for n in range(3)]

    assert frames.GOAWAY not in kinds(one.hear(*ask[:2]))
    found = one.hear(ask[2])

    assert kinds(found)[-1] == frames.GOAWAY
    assert one.wire.closed
    assert all(len(session.finished) == 1 for session in sessions)


@pytest.mark.asyncio
async def test_a_silent_peer_is_asked_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that has vanished says nothing; its calls must not stay for ever."""
    monkeypatch.setattr(peer_module, "_SILENCE", 0.01)
    monkeypatch.setattr(peer_module, "_PING_TIMEOUT", 0.01)
    one = OnePeer()

    await eventually(lambda: one.wire.aborted)

    assert kinds(one.frames()) == [frames.PING]


@pytest.mark.asyncio
async def test_a_peer_that_acknowledges_pings_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "_SILENCE", 0.01)
    monkeypatch.setattr(peer_module, "_PING_TIMEOUT", 60)
    one = OnePeer()

    for _ in range(3):
        await eventually(lambda: bool(one.wire.written))
        assert kinds(one.frames()) == [frames.PING]
        one.hear(frame(frames.PING, frames.ACK, 0, b"extproc?"))
        one.peer._timer.cancel()
        one.peer._give_up()

    assert not one.wire.aborted


@pytest.mark.asyncio
async def test_a_lost_connection_ends_its_calls() -> None:
    session = ScriptedSession(HELD)
    one = OnePeer(session)
    one.hear(request(1, PROCESS), message(request_headers()))

    one.peer.connection_lost(None)

    assert len(session.finished) == 1
    assert one.observed == [["RequestHeaders"]]
    assert one.peers == set()
    assert one.processor.streams.count == 0


@pytest.mark.asyncio
async def test_a_reset_during_a_hold_ends_the_call_at_once() -> None:
    session = ScriptedSession(HELD)
    one = OnePeer(session)
    one.hear(request(1, PROCESS), message(request_headers()))

    one.hear(frame(frames.RST_STREAM, 0, 1, uint32(frames.CANCEL)))

    assert len(session.finished) == 1


@pytest.mark.asyncio
async def test_a_record_that_cannot_be_handed_on_is_one_calls_fault(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection, and every other stream on it, goes on."""
    one = OnePeer(ScriptedSession(ContinueProcessing()), ScriptedSession(ContinueProcessing()))

    def failing(_record: list[str]) -> None:
        raise RuntimeError("sk-secret")

    monkeypatch.setattr(one.processor, "_observe", failing)
    one.hear(request(1, PROCESS), message(request_headers()), data(1, b"", end=True))
    found = one.hear(request(3, PROCESS), message(request_headers(), 3))

    assert [kind for kind, _, on, _ in found if on == 3] == [frames.HEADERS, frames.DATA]
    assert [record.message for record in caplog.records] == ["stream_failed"]
    assert "secret" not in caplog.text


def large(stream: int) -> bytes:
    """Return the frames with a large message on *stream*."""
    whole = prefixed(request_body(bytes(LARGE)).SerializeToString())
    return b"".join(data(stream, whole[at : at + 16_384]) for at in range(0, len(whole), 16_384))


@pytest.mark.asyncio
async def test_large_messages_are_queued_and_a_ping_is_acknowledged_first() -> None:
    """Envoy would give up a worker that acknowledges its pings only when all bodies before them are done with."""
    sessions = [ScriptedSession(Send((), ())) for _ in range(3)]
    one = OnePeer(*sessions, largest_message=10**6)
    ping = frame(frames.PING, 0, 0, b"12345678")

    found = one.hear(b"".join(request(n, PROCESS) + large(n) for n in (1, 3, 5)) + ping)

    assert [kind for kind in kinds(found) if kind != frames.WINDOW_UPDATE] == [frames.PING]
    for done in range(1, 4):
        while not one.wire.written:  # one turn of the loop after the other  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert [bool(session.received) for session in sessions] == [True] * done + [False] * (3 - done)
        assert kinds(one.frames()) == [frames.HEADERS, frames.DATA]
        assert one.hear(ping) == [(frames.PING, frames.ACK, 0, b"12345678")]
    assert one.memory.held == 0


@pytest.mark.asyncio
async def test_what_follows_a_large_message_waits_for_it() -> None:
    """Also the end of the call."""
    session = ScriptedSession(Send((), ()), ContinueProcessing())
    one = OnePeer(session, largest_message=10**6)

    one.hear(request(1, PROCESS), large(1), message(request_headers()), data(1, b"", end=True))
    assert session.received == []

    await eventually(lambda: bool(session.finished))
    assert [type(event).__name__ for event in session.received] == ["RequestBody", "RequestHeaders"]
    assert status(one.frames()) == Status.OK
    assert one.memory.held == 0


@pytest.mark.asyncio
async def test_what_is_held_is_counted_once() -> None:
    """A message that waits for its turn, and the beginning of the next one."""
    one = OnePeer(ScriptedSession(HELD))
    more = message(request_body(bytes(100)))
    one.hear(request(1, PROCESS), message(request_headers()), more)
    waiting = one.memory.held

    one.hear(data(1, b"\x00\x00\x00\x01\x00half"))

    assert waiting == len(more) - frames.HEADER_LENGTH - 5
    assert one.memory.held == waiting + 9


@pytest.mark.asyncio
async def test_a_large_message_of_a_client_that_has_gone_is_not_looked_at() -> None:
    session, other = ScriptedSession(), ScriptedSession(Send((), ()))
    one = OnePeer(session, other, largest_message=10**6)

    one.hear(request(1, PROCESS), large(1), frame(frames.RST_STREAM, 0, 1, uint32(frames.CANCEL)))
    one.hear(request(3, PROCESS), large(3))

    await eventually(lambda: bool(other.received))
    assert session.received == []
    assert one.memory.held == 0
