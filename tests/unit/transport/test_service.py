"""The stream loop without a network: messages from a list, responses into a list."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import grpc
import pytest
from support.policy.attempt_states import an_in_flight
from support.sidecar.ext_proc import ScriptedSession, request_body, request_headers, response_headers
from support.waiting import eventually

from extproc._gen import wire_pb2 as pb
from extproc.exchange.events import (
    BodyOverdue,
    ContinueProcessing,
    Deliver,
    Directive,
    ImmediateResponse,
    ReadResponseBody,
    Send,
)
from extproc.exchange.phase import UnexpectedEventError
from extproc.exchange.response_phases import BODY_TIMEOUT
from extproc.policy.units import Instant
from extproc.transport.service import Processor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WHOLE_ATTEMPT = (request_headers((":path", "/")), request_body(b"{}"), response_headers(200))
WHOLE_SCRIPT: tuple[Directive, ...] = (ContinueProcessing(), Send((), ()), Deliver(()))
SECRET = "Bearer sk-secret"


class AbortedError(Exception):
    """The stream was ended with a status of ours."""


class Context:
    """As much of a stream as the loop uses. *gone*: the peer takes no response any more, but gRPC does not know yet."""

    def __init__(self) -> None:
        self.gone = False
        self.written: list[str | None] = []
        self.status: grpc.StatusCode | None = None
        self.said = ""

    async def write(self, message: pb.ProcessingResponse) -> None:
        """Remember the kind of the response."""
        if self.gone:
            raise grpc.aio.InternalError
        self.written.append(message.WhichOneof("response"))

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        """Remember the status and end the stream, as gRPC does."""
        self.status, self.said = code, details
        raise AbortedError


class Ticks:
    """A clock that shows one instant after the other, then stays."""

    def __init__(self, *instants: int) -> None:
        self._instants = [Instant(instant) for instant in instants]

    def __call__(self) -> Instant:
        """Return the time."""
        return self._instants.pop(0) if len(self._instants) > 1 else self._instants[0]


class Stream:
    """One stream through a processor; it ends after the last message unless the peer *stays*."""

    def __init__(
        self,
        session: ScriptedSession,
        *messages: pb.ProcessingRequest,
        clock: Ticks | None = None,
        stays: bool = False,
    ) -> None:
        self.context = Context()
        self.observed: list[list[str]] = []
        self.processor = Processor(lambda: session, clock or Ticks(0), self.observed.append)
        self._messages = messages
        self._stays = stays

    async def run(self) -> None:
        """Serve the stream to its end."""
        await self.processor.process(self._requests(), self.context)  # type: ignore[arg-type]  # a context in part

    async def _requests(self) -> AsyncIterator[pb.ProcessingRequest]:
        for message in self._messages:
            yield message
        if self._stays:
            await asyncio.Event().wait()


@pytest.mark.asyncio
async def test_each_message_gets_a_response_in_order() -> None:
    """One attempt is one stream: three messages, three responses, one record."""
    session = ScriptedSession(*WHOLE_SCRIPT)
    stream = Stream(session, *WHOLE_ATTEMPT)

    await stream.run()

    assert stream.context.written == ["request_headers", "request_body", "response_headers"]
    assert stream.observed == [["RequestHeaders", "RequestBody", "ResponseHeaders"]]
    assert len(session.finished) == 1


@pytest.mark.asyncio
async def test_a_stream_without_messages_has_no_record() -> None:
    """The session is finished all the same."""
    session = ScriptedSession()
    stream = Stream(session)

    await stream.run()

    assert len(session.finished) == 1
    assert stream.observed == []


@pytest.mark.asyncio
async def test_trailers_get_a_response_without_asking_the_session() -> None:
    """The rules have no word for them, and Envoy waits."""
    session = ScriptedSession()
    stream = Stream(session, pb.ProcessingRequest(response_trailers=pb.HttpTrailers()))

    await stream.run()

    assert stream.context.written == ["response_trailers"]
    assert session.received == []


@pytest.mark.asyncio
@pytest.mark.parametrize("directive", [ContinueProcessing(Instant(1_050)), Send((), (), not_before=Instant(1_050))])
async def test_a_response_is_held_until_its_time(directive: Directive) -> None:
    """Not a moment less, even when a timer fires early: the clock decides."""
    early_timer = Ticks(1_000, 1_000, 1_049, 1_050)
    message = request_headers() if isinstance(directive, ContinueProcessing) else request_body(b"")
    stream = Stream(ScriptedSession(directive), message, clock=early_timer)
    began = asyncio.get_running_loop().time()

    await stream.run()

    assert asyncio.get_running_loop().time() - began >= 0.050
    assert len(stream.context.written) == 1


@pytest.mark.asyncio
async def test_a_time_that_has_passed_holds_nothing() -> None:
    """The wait went by while the message was in flight."""
    stream = Stream(ScriptedSession(ContinueProcessing(Instant(999))), request_headers(), clock=Ticks(1_000))

    await asyncio.wait_for(stream.run(), timeout=1)

    assert stream.context.written == ["request_headers"]


@pytest.mark.asyncio
async def test_hanging_up_during_a_hold_ends_the_session_at_once() -> None:
    """The attempt is over; nothing is sent any more, and it is no fault."""
    session = ScriptedSession(ContinueProcessing(Instant(60_000)))
    stream = Stream(session, request_headers())
    task = asyncio.create_task(stream.run())
    while not session.received:  # noqa: ASYNC110 - the task runs in this loop: one turn of it is all there is to wait for
        await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert len(session.finished) == 1
    assert stream.observed == [["RequestHeaders"]]
    assert stream.context.written == []
    assert stream.context.status is None


@pytest.mark.asyncio
async def test_hanging_up_while_a_response_is_sent_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """The attempt has its record, and the log no error: clients may go whenever they like."""
    stream = Stream(ScriptedSession(ContinueProcessing()), request_headers())
    stream.context.gone = True

    with pytest.raises(AbortedError):
        await stream.run()

    assert stream.context.status is grpc.StatusCode.CANCELLED
    assert stream.observed == [["RequestHeaders"]]
    assert caplog.records == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("overdue", "errors"),
    [
        (ImmediateResponse(429, (), b""), []),  # it cannot be sent: the peer has gone
        (KeyError(SECRET), ["KeyError"]),
    ],
)
async def test_a_fault_in_a_task_is_logged_unless_the_peer_has_gone(
    overdue: Directive | Exception, errors: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A response without a message fails beside the stream loop."""
    session = ScriptedSession(ReadResponseBody(an_in_flight(), BODY_TIMEOUT), overdue)
    stream = Stream(session, response_headers(429), stays=True)
    task = asyncio.create_task(stream.run())
    await eventually(lambda: len(stream.context.written) == 1)

    stream.context.gone = True
    await eventually(lambda: session.received[1:] == [BodyOverdue()])
    task.cancel()
    await asyncio.wait({task})

    assert [line.__dict__["fields"]["error"] for line in caplog.records] == errors


@pytest.mark.asyncio
async def test_a_fault_ends_its_stream_with_internal(caplog: pytest.LogCaptureFixture) -> None:
    """The session is finished; the log says what and where, and quotes nothing."""
    session = ScriptedSession(ValueError(SECRET))
    stream = Stream(session, request_headers(("authorization", SECRET)))

    with pytest.raises(AbortedError):
        await stream.run()

    [line] = caplog.records
    assert stream.context.status is grpc.StatusCode.INTERNAL
    assert len(session.finished) == 1
    assert (line.levelno, line.getMessage(), line.exc_info) == (logging.ERROR, "stream_failed", None)
    assert line.__dict__["fields"]["error"] == "ValueError"
    assert line.__dict__["fields"]["at"].startswith("ext_proc.py:")
    assert "secret" not in str(line.__dict__) + stream.context.said


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("session", "message", "error"),
    [
        (ScriptedSession(), pb.ProcessingRequest(), "MessageError"),
        (ScriptedSession(UnexpectedEventError(SECRET)), request_headers(), "UnexpectedEventError"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    session: ScriptedSession, message: pb.ProcessingRequest, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets no guessed response, and it is the peer's fault, not ours: a warning."""
    stream = Stream(session, message)

    with pytest.raises(AbortedError):
        await stream.run()

    [line] = caplog.records
    assert stream.context.status is grpc.StatusCode.INVALID_ARGUMENT
    assert len(session.finished) == 1
    assert (line.levelno, line.getMessage(), line.exc_info) == (logging.WARNING, "stream_refused", None)
    assert line.__dict__["fields"]["error"] == error
    assert "secret" not in str(line.__dict__) + stream.context.said


@pytest.mark.asyncio
async def test_a_fault_of_the_observer_is_one_of_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    """Metrics or logs that fail are seen, and take no other stream with them."""

    def observe(_: list[str]) -> None:
        raise OSError

    stream = Stream(ScriptedSession(ContinueProcessing()), request_headers())
    stream.processor = Processor(lambda: ScriptedSession(ContinueProcessing()), Ticks(0), observe)

    with pytest.raises(AbortedError):
        await stream.run()

    assert [line.__dict__["fields"]["error"] for line in caplog.records] == ["OSError"]


@pytest.mark.asyncio
async def test_a_processor_that_is_going_takes_no_stream() -> None:
    """UNAVAILABLE means to Envoy that nothing has happened here; no session is begun."""
    session = ScriptedSession()
    stream = Stream(session, request_headers())
    stream.processor.streams.accepting = False

    with pytest.raises(AbortedError):
        await stream.run()

    assert stream.context.status is grpc.StatusCode.UNAVAILABLE
    assert session.received == []
    assert session.finished == []


@pytest.mark.asyncio
async def test_a_stream_counts_until_it_has_ended() -> None:
    """A fault is an end."""
    stream = Stream(ScriptedSession(KeyError()), request_headers())

    with pytest.raises(AbortedError):
        await stream.run()

    await asyncio.wait_for(stream.processor.streams.wait_idle(), timeout=1)
