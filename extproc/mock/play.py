"""Playing a step: what each action sends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import h11

from extproc.mock.events import stream
from extproc.mock.http_response import Response, compose, compose_stream_head
from extproc.mock.step import Action

if TYPE_CHECKING:
    from extproc.mock.record import Call
    from extproc.mock.step import Step
    from extproc.mock.wire import Wire

_PIECES = 10  # of a slow body
_DEFAULT_EVENTS = 3  # when a request asks for a stream and the step does not say how many events
_DEFAULT_SECONDS = 1.0  # of a slow body


async def play(step: Step, call: Call, name: str, connection: Wire) -> None:
    """Play *step* for *call*, as provider *name*. The caller closes a connection left in mid-response."""
    if step.delay:
        await asyncio.sleep(step.delay)
    response = compose(step, call, name)
    match step.action:
        case Action.RESPOND | Action.ECHO:
            if events := _events(step, call):
                await _stream(replace(step, sse=events), call, name, connection)
            else:
                await connection.send_response(response, to=call.method)
        case Action.SLOW_BODY:
            await _trickle(response, _DEFAULT_SECONDS if step.seconds is None else step.seconds, connection)
        case Action.RESET:
            connection.reset()
        case Action.RESET_MID_HEADERS:
            await connection.send_half(head_of(response))
            await asyncio.sleep(step.gap)
            connection.reset()
        case Action.RESET_MID_BODY | Action.CLOSE_MID_BODY:
            await _break_off(step, response, connection)
        case Action.CLOSE:
            pass
        case Action.SILENCE:
            await (asyncio.Event().wait() if step.seconds is None else asyncio.sleep(step.seconds))
        case _:
            assert_never(step.action)


def head_of(response: Response) -> h11.Response:
    """Return status and headers of *response* as an h11 event."""
    return h11.Response(status_code=response.status, headers=list(response.headers))


def _events(step: Step, call: Call) -> int:
    """Return how many events the response is streamed as; 0 when it is not."""
    if step.sse:
        return step.sse
    plain_success = step.action is Action.RESPOND and step.status == 200 and step.body is None
    return _DEFAULT_EVENTS if call.streamed and plain_success else 0


async def _stream(step: Step, call: Call, name: str, connection: Wire) -> None:
    await connection.send(head_of(compose_stream_head(step, name)))
    for number, group in enumerate(stream(call, name, step.sse)):
        if 0 < number < step.sse:
            await asyncio.sleep(step.gap)
        await connection.send(h11.Data(data=group))
    await connection.send(h11.EndOfMessage())


async def _break_off(step: Step, response: Response, connection: Wire) -> None:
    """Send the headers and the beginning of the body; then reset the connection, or leave it to be closed."""
    sent = len(response.body) // 2 if step.sent is None else step.sent
    await connection.send(head_of(response))
    if piece := response.body[:sent]:
        await connection.send(h11.Data(data=piece))
    await asyncio.sleep(step.gap)
    if step.action is Action.RESET_MID_BODY:
        connection.reset()


async def _trickle(response: Response, seconds: float, connection: Wire) -> None:
    await connection.send(head_of(response))
    size = -(-len(response.body) // _PIECES)
    for number in range(_PIECES):
        await asyncio.sleep(seconds / _PIECES)
        if piece := response.body[number * size : (number + 1) * size]:
            await connection.send(h11.Data(data=piece))
    await connection.send(h11.EndOfMessage())
