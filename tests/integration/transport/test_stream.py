"""Streams over a real connection."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import grpc
import pytest
from support.policy.attempt_states import a_state, an_in_flight
from support.sidecar.ext_proc import (
    ScriptedSession,
    mutations,
    request_body,
    request_headers,
    response_body,
    response_headers,
)
from support.sidecar.server import ask, now
from support.waiting import eventually

from extproc import names
from extproc._gen import wire_pb2 as pb
from extproc.addresses import parse_address
from extproc.exchange.events import (
    BodyOverdue,
    ContinueProcessing,
    Deliver,
    Directive,
    ImmediateResponse,
    ReadResponseBody,
    Redispatch,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    Send,
)
from extproc.exchange.response_phases import BODY_TIMEOUT
from extproc.policy.units import Instant
from extproc.transport.codec.state import encode_state

if TYPE_CHECKING:
    from support.sidecar.server import Serve

CHAT = b'{"model": "gpt-4o", "messages": []}'
SENT = Send(((names.CLUSTER, "openai"),), ("x-api-key",), body=CHAT.replace(b"gpt-4o", b"gpt-4.1"))


@pytest.mark.asyncio
async def test_a_whole_attempt(serve: Serve, listen: str) -> None:
    """Headers, body, response: each is answered before the next one is sent; the end of the stream is the record."""
    session = ScriptedSession(ContinueProcessing(), SENT, Deliver(((names.MODEL, "openai/gpt-4.1"),)))
    sidecar = await serve(session, at=parse_address(listen))
    call = sidecar.stream()

    first = await ask(call, request_headers((":path", "/v1/chat/completions")))
    second = await ask(call, request_body(CHAT))
    third = await ask(call, response_headers(200, attributes={"response.flags": 0.0}))

    assert first.WhichOneof("response") == "request_headers"
    assert second.request_body.response.body_mutation.body == SENT.body
    assert mutations(second.request_body.response.header_mutation) == {names.CLUSTER: b"openai"}
    assert mutations(third.response_headers.response.header_mutation)[names.UNPROCESSED] == b"processed"
    assert session.finished == []

    await call.done_writing()

    assert await call.code() is grpc.StatusCode.OK
    assert sidecar.observed == [["RequestHeaders", "RequestBody", "ResponseHeaders"]]


@pytest.mark.asyncio
async def test_the_state_goes_from_one_stream_to_the_next(serve: Serve) -> None:
    """What Envoy carries from the failed answer to the next request is understood there."""
    failing, next_one = ScriptedSession(Redispatch(429, a_state())), ScriptedSession(ContinueProcessing())
    sidecar = await serve(failing, next_one)

    answer = await ask(sidecar.stream(), response_headers(429))
    state = mutations(answer.immediate_response.headers)[names.STATE]
    await ask(sidecar.stream(), request_headers((names.STATE, state)))

    [event] = next_one.received
    assert isinstance(event, RequestHeaders)
    assert event.carried == a_state()
    assert state.decode() == encode_state(a_state())


@pytest.mark.asyncio
async def test_the_body_of_a_response_is_read_when_it_is_asked_for(serve: Serve) -> None:
    """What comes in time is processed, and is not overdue."""
    session = ScriptedSession(ReadResponseBody(an_in_flight(), BODY_TIMEOUT), Redispatch(429, a_state()))
    call = (await serve(session)).stream()

    first = await ask(call, response_headers(429))
    second = await ask(call, response_body(b"{}"))

    assert first.mode_override.response_body_mode == pb.ProcessingMode.BUFFERED
    assert second.immediate_response.status.code == 429
    assert session.received == [ResponseHeaders(429, {":status": "429"}), ResponseBody(b"{}")]


@pytest.mark.asyncio
async def test_a_body_that_does_not_come_is_not_waited_for(serve: Serve) -> None:
    """A provider that stalls in the middle of an error keeps nobody from the next one."""
    session = ScriptedSession(ReadResponseBody(an_in_flight(), BODY_TIMEOUT), Redispatch(429, a_state()))
    call = (await serve(session)).stream()
    await ask(call, response_headers(429))

    overdue = await call.read()

    assert isinstance(overdue, pb.ProcessingResponse)
    assert overdue.immediate_response.status.code == 429
    assert session.received[1:] == [BodyOverdue()]


@pytest.mark.asyncio
async def test_a_hold_is_a_hold(serve: Serve) -> None:
    """The response comes when its time has come, not before, and not much later."""
    until = Instant(now() + 300)
    sidecar = await serve(ScriptedSession(ContinueProcessing(not_before=until)))

    await ask(sidecar.stream(), request_headers())

    assert until <= now() < until + 1_000


@pytest.mark.asyncio
async def test_a_hold_does_not_delay_other_requests(serve: Serve) -> None:
    """While a hundred attempts are held, another one is answered at once."""
    held = [ScriptedSession(ContinueProcessing(not_before=Instant(now() + 60_000))) for _ in range(100)]
    sidecar = await serve(*held, ScriptedSession(ContinueProcessing()))
    waiting = [sidecar.stream() for _ in held]
    for call in waiting:
        await call.write(request_headers())
    await eventually(lambda: all(session.received for session in held))

    answer = await asyncio.wait_for(ask(sidecar.stream(), request_headers()), timeout=5)

    assert answer.WhichOneof("response") == "request_headers"
    assert not any(call.done() for call in waiting)


@pytest.mark.asyncio
async def test_hanging_up_during_a_hold_ends_the_session_at_once(serve: Serve) -> None:
    """The client has gone: nobody waits any longer, and the record says what there was."""
    session = ScriptedSession(ContinueProcessing(not_before=Instant(now() + 60_000)))
    sidecar = await serve(session)
    call = sidecar.stream()
    await call.write(request_headers())
    await eventually(lambda: bool(session.received))

    call.cancel()

    await eventually(lambda: bool(session.finished))
    assert sidecar.observed == [["RequestHeaders"]]


@pytest.mark.asyncio
async def test_hanging_up_between_two_messages_ends_the_session(serve: Serve) -> None:
    """Envoy resets the stream when it needs it no more; that is no fault."""
    session = ScriptedSession(ContinueProcessing())
    sidecar = await serve(session)
    call = sidecar.stream()
    await ask(call, request_headers())

    call.cancel()

    await eventually(lambda: bool(session.finished))


@pytest.mark.asyncio
async def test_twenty_megabytes_go_both_ways(serve: Serve, listen: str) -> None:
    """Message sizes are limited by our own bound on bodies only, and no byte changes."""
    body = os.urandom(20 * 1024 * 1024)
    session = ScriptedSession(Send((), (), body=body))
    sidecar = await serve(session, at=parse_address(listen))

    answer = await ask(sidecar.stream(), request_body(body))

    assert answer.request_body.response.body_mutation.body == body


@pytest.mark.asyncio
async def test_a_body_of_exactly_the_bound_is_received(serve: Serve) -> None:
    """What is refused is for the session to say; it can only if it knows of it."""
    session = ScriptedSession(ContinueProcessing())
    sidecar = await serve(session, max_body_bytes=5_000_000)

    await ask(sidecar.stream(), request_body(bytes(5_000_000)))

    assert len(session.received) == 1


@pytest.mark.asyncio
async def test_a_message_far_beyond_the_bound_is_refused(serve: Serve) -> None:
    """No peer can make a worker hold any amount of memory."""
    session = ScriptedSession()
    sidecar = await serve(session, max_body_bytes=1_000)
    call = sidecar.stream()

    await call.write(request_body(bytes(2_000_000)))

    assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await eventually(lambda: bool(session.finished))


@pytest.mark.asyncio
async def test_a_fault_is_one_streams_own(serve: Serve) -> None:
    """The stream that met it ends with INTERNAL; its neighbour and its successor notice nothing."""
    neighbour, broken, successor = (
        ScriptedSession(ContinueProcessing(), ImmediateResponse(400, (), b"{}")),
        ScriptedSession(KeyError("sk-secret")),
        ScriptedSession(ContinueProcessing()),
    )
    sidecar = await serve(neighbour, broken, successor)
    beside = sidecar.stream()
    await ask(beside, request_headers())

    failed = sidecar.stream()
    await failed.write(request_headers())

    assert await failed.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(await failed.details())
    assert (await ask(beside, request_body(b""))).immediate_response.status.code == 400
    assert (await ask(sidecar.stream(), request_headers())).WhichOneof("response") == "request_headers"
    assert len(broken.finished) == 1


@pytest.mark.asyncio
async def test_bytes_that_are_no_message_end_their_stream_only(serve: Serve) -> None:
    """A peer that is no Envoy gets an error, and everybody else is served."""
    session = ScriptedSession()
    sidecar = await serve(session, ScriptedSession(ContinueProcessing()))
    garbage = sidecar.channel.stream_stream(
        "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
        request_serializer=bytes,
        response_deserializer=pb.ProcessingResponse.FromString,
    )()

    await garbage.write(b"\xff\xff\xff")

    assert await garbage.code() is grpc.StatusCode.INVALID_ARGUMENT
    await eventually(lambda: bool(session.finished))
    assert (await ask(sidecar.stream(), request_headers())).WhichOneof("response") == "request_headers"


@pytest.mark.asyncio
async def test_many_streams_share_one_connection(serve: Serve) -> None:
    """Envoy opens one connection a worker thread and puts every attempt on it."""
    script: tuple[Directive, ...] = (ContinueProcessing(), SENT)
    sidecar = await serve(*(ScriptedSession(*script) for _ in range(300)))
    calls = [sidecar.stream() for _ in range(300)]

    for call in calls:
        await ask(call, request_headers())
    answers = await asyncio.gather(*(ask(call, request_body(CHAT)) for call in calls))

    assert all(answer.request_body.response.body_mutation.body == SENT.body for answer in answers)
