"""Envoy's part of any number of requests, without an Envoy: what it tells the workers, attempt after attempt."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

import grpc

from extproc import names
from extproc._gen import wire_pb2 as pb
from extproc.transport.service import METHOD, SERVICE
from support.http.requests import CHAT
from support.sidecar.ext_proc import mutations, request_body, request_headers, response_body, response_headers
from support.waiting import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    Call: TypeAlias = "grpc.aio.StreamStreamCall[bytes, bytes]"

LANES = 12
"""How many requests are under way at once."""

_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
_QUOTED = b'{"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}'
_PADDING = "x" * 1_000_000
_BROKEN_OFF: Mapping[str, float | str] = {
    "response.flags": 4.0,
    "response.code_details": "upstream_reset_before_response_started",
}


class Abort(StrEnum):
    """When a client hangs up."""

    NEVER = "never"
    BEFORE_BODY = "before its body"
    BEFORE_ANSWER = "before the answer"
    WAITING = "during the wait before the second attempt"


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of request: the model it names, what the first *failures* of its attempts get, when its client leaves.

    Only the provider of that model fails: the others have good answers. `{}` in *model* becomes a number that no other
    request has.
    """

    name: str
    model: str
    failure: pb.ProcessingRequest | None = None
    failures: int = 1
    abort: Abort = Abort.NEVER
    big: bool = False


def refusal(status: int, *fields: tuple[str, str]) -> pb.ProcessingRequest:
    """Return an answer that is not for the client; its body is short JSON, so the sidecar may ask for it."""
    length = ("content-length", str(len(_QUOTED)))
    return response_headers(status, ("content-type", "application/json"), length, *fields)


RESET = response_headers(503, attributes=_BROKEN_OFF)
"""Envoy's own answer when a provider has broken the connection off."""

_GOOD = response_headers(200, ("content-type", "application/json"), ("x-request-id", "theirs")).SerializeToString()
_BODY_OF_REFUSAL = response_body(_QUOTED).SerializeToString()


class Attempts:
    """Requests of several kinds, in turn, and all of their attempts.

    Mutable: it counts *made* by worker, and *ends* by kind of request and how the attempt ended.
    """

    def __init__(self, addresses: Sequence[str], kinds: Sequence[Kind]) -> None:
        self._addresses = addresses
        self._kinds = kinds
        self._numbers = itertools.count()
        self._workers: list[grpc.aio.Channel] = []
        self._channels = AsyncExitStack()
        self.made: Counter[int] = Counter()
        self.ends: Mapping[str, Counter[str]] = {kind.name: Counter() for kind in kinds}

    async def __aenter__(self) -> Self:
        for address in self._addresses:
            channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
            self._workers.append(await self._channels.enter_async_context(channel))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channels.aclose()

    async def until_each_worker_has_had(self, count: int) -> None:
        """Make attempts until each worker has served so many since the beginning; all streams have ended then."""
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(self._lane(count))

    async def _lane(self, count: int) -> None:
        while min(self.made[worker] for worker in range(len(self._workers))) < count:
            number = next(self._numbers)
            await self._request(self._kinds[number % len(self._kinds)], number)

    def _stream(self, worker: int) -> Call:
        return self._workers[worker].stream_stream(f"/{SERVICE}/{METHOD}")(timeout=DEADLINE)

    async def _request(self, kind: Kind, number: int) -> None:
        """Make all attempts of one request: like Envoy, at another worker each time."""
        body = _body(kind, number)
        state: bytes | None = None
        for attempt in itertools.count():
            worker = (number + attempt) % len(self._workers)
            failure = kind.failure if attempt < kind.failures else None
            headers = _headers(number, len(body), state)
            waits = kind.abort is Abort.WAITING and state is not None
            end, state = await _attempt(self._stream(worker), kind, headers, body, failure, gone=waits)
            self.made[worker] += 1
            self.ends[kind.name][end] += 1
            if state is None:
                return


async def _attempt(
    call: Call, kind: Kind, headers: bytes, body: bytes, failure: pb.ProcessingRequest | None, *, gone: bool
) -> tuple[str, bytes | None]:
    """Make one attempt; return how it ended, and the state that the next one carries if there is to be one.

    *gone*: the client does not wait until it may begin.
    """
    await call.write(headers)
    if gone or kind.abort is Abort.BEFORE_BODY:
        return await _hung_up(call)
    await _answer(call)
    await call.write(body)
    answer = await _answer(call)
    if (end := _end(answer)) is None:
        if kind.abort is Abort.BEFORE_ANSWER:
            return await _hung_up(call)
        cluster = mutations(answer.request_body.response.header_mutation)[names.CLUSTER].decode()
        fails = failure is not None and kind.model.startswith(f"{cluster}/")
        await call.write(failure.SerializeToString() if failure is not None and fails else _GOOD)
        answer = await _answer(call)
        if answer.HasField("mode_override"):
            await call.write(_BODY_OF_REFUSAL)
            answer = await _answer(call)
        end = _end(answer) or ("delivered", None)
    await call.done_writing()
    while await call.read() is not grpc.aio.EOF:
        pass  # the body of a refusal came when the sidecar had given it up already
    assert await call.code() is grpc.StatusCode.OK, await call.details()
    return end


async def _hung_up(call: Call) -> tuple[str, None]:
    call.cancel()
    return "aborted", None


async def _answer(call: Call) -> pb.ProcessingResponse:
    answer = await call.read()
    assert isinstance(answer, bytes), f"{await call.code()} {await call.details()}"
    return pb.ProcessingResponse.FromString(answer)


def _end(answer: pb.ProcessingResponse) -> tuple[str, bytes | None] | None:
    """Return how *answer* ends the attempt, and the state for the next one; None when it goes on."""
    if not answer.HasField("immediate_response"):
        return None
    fields = mutations(answer.immediate_response.headers)
    if names.REDISPATCH in fields:
        return "redispatched", fields[names.STATE]
    return f"answered {answer.immediate_response.status.code}", None


def _headers(number: int, length: int, state: bytes | None) -> bytes:
    fields: list[tuple[str, str | bytes]] = [
        (":method", "POST"),
        (":path", CHAT),
        (":authority", "127.0.0.1:12000"),
        ("content-type", "application/json"),
        ("content-length", str(length)),
        ("authorization", "Bearer the-clients-own"),
        ("user-agent", "OpenAI/Python 1.99"),
        ("x-request-id", f"request-{number}"),
    ]
    if state is not None:
        fields.append((names.STATE, state))
    return request_headers(*fields).SerializeToString()


def _body(kind: Kind, number: int) -> bytes:
    content = _PADDING if kind.big else "Hello"
    fields = {"model": kind.model.format(number), "messages": [{"role": "user", "content": content}], "user": number}
    return request_body(json.dumps(fields).encode()).SerializeToString()
