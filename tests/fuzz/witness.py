"""A well-behaved Envoy beside all the others, who must never notice them."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import grpc
from fuzz.configuration import KEYS, RELAY, STEADY
from fuzz.conversations import PROCESS
from support.sidecar.ext_proc import mutations, request_body, request_headers, response_headers

from extproc import names
from extproc._gen import wire_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEADLINE = 20.0
_PAUSE = 0.02  # the machine is there for the others

_LISTENERS = 600_000
"""Milliseconds that a request may take until response headers."""

_PROCESSED = {names.UNPROCESSED: b"processed"}


class Witness:
    """Has the same conversations again and again with the workers at *addresses*, each on a connection of its own.

    Mutable: it remembers how long each of them took. A wrong answer is an AssertionError.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self.seconds: list[float] = []

    async def watch(self, over: asyncio.Event) -> None:
        """Have them until *over*."""
        channels = [grpc.aio.insecure_channel(address) for address in self._addresses]
        try:
            while not over.is_set():
                for channel in channels:
                    await self._timed(channel, channels)
                await asyncio.sleep(_PAUSE)
        finally:
            for channel in channels:
                await channel.close()

    async def _timed(self, channel: grpc.aio.Channel, channels: Sequence[grpc.aio.Channel]) -> None:
        began = time.monotonic()
        async with asyncio.timeout(_DEADLINE):
            await _steady(channel)
            await _relay(channel, channels[-1] if channel is channels[0] else channels[0])
        self.seconds.append(time.monotonic() - began)


async def _steady(channel: grpc.aio.Channel) -> None:
    """Ask for a model that is always the same: its key, its address, its answer."""
    asked, answered = await _attempt(channel, STEADY, response_headers(200))

    sent = mutations(asked.response.header_mutation)
    assert 0 < int(sent.pop(names.TRY_TIMEOUT)) <= _LISTENERS
    assert sent == {
        "authorization": f"Bearer {KEYS['steady'][0]}".encode(),
        names.CLUSTER: b"steady",
        ":authority": b"127.0.0.1:9",
        ":path": b"/v1/chat/completions",
        names.RESPONSE_TIMEOUT: b"0",
        "content-length": b"32",
    }
    assert asked.response.body_mutation.body == b'{"model": "one", "messages": []}'
    assert _told(answered) == {names.MODEL: STEADY.encode(), names.ATTEMPTS: b"1", **_PROCESSED}


async def _relay(channel: grpc.aio.Channel, other: grpc.aio.Channel) -> None:
    """Let the first model fail, and the second one answer at the other worker."""
    first, failed = await _attempt(channel, RELAY[0], response_headers(503))
    redispatch = mutations(failed.immediate_response.headers)
    state = redispatch.pop(names.STATE)
    second, answered = await _attempt(other, RELAY[0], response_headers(200), (names.STATE, state))

    assert failed.immediate_response.status.code == 503
    assert redispatch == {names.REDISPATCH: b"1", **_PROCESSED}
    assert [one.response.body_mutation.body for one in (first, second)] == [
        b'{"model": "first", "messages": []}',
        b'{"model": "second", "messages": []}',
    ]
    assert _told(answered) == {names.MODEL: RELAY[1].encode(), names.ATTEMPTS: b"2", **_PROCESSED}


async def _attempt(
    channel: grpc.aio.Channel, model: str, answer: pb.ProcessingRequest, *more: tuple[str, bytes]
) -> tuple[pb.BodyResponse, pb.ProcessingResponse]:
    """Return what the sidecar says to the body of a request for *model*, and to its *answer*."""
    method = channel.stream_stream(
        PROCESS, request_serializer=_bytes, response_deserializer=pb.ProcessingResponse.FromString
    )
    call = method(timeout=_DEADLINE)
    heard = []
    for message in (
        request_headers((":path", "/v1/chat/completions"), ("content-type", "application/json"), *more),
        request_body(json.dumps({"model": model, "messages": []}).encode()),
        answer,
    ):
        await call.write(message)
        said = await call.read()
        assert isinstance(said, pb.ProcessingResponse), await call.code()
        heard.append(said)
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK
    assert heard[0] == pb.ProcessingResponse(request_headers=pb.HeadersResponse())
    return heard[1].request_body, heard[2]


def _told(answered: pb.ProcessingResponse) -> dict[str, bytes]:
    """Return what is added to an answer that is passed on."""
    return mutations(answered.response_headers.response.header_mutation)


def _bytes(message: pb.ProcessingRequest) -> bytes:
    return message.SerializeToString()
