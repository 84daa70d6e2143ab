"""Clients that send one request after the other, check every answer to the byte, and count."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import httpx

from extproc import names
from extproc.mock.events import stream
from extproc.mock.http_response import compose
from extproc.mock.step import Step
from support.gateway.providers import P, S, T
from support.http.requests import CHAT, a_body, a_clients_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.mock.record import Call
    from support.gateway.running import Gateway

EVENTS = 3  # of a scripted provider's stream
_MODELS = {"P": P, "S": S, "T": T}
_BIG = "x" * 1_000_000
_ID = re.compile(rb'"id": "chatcmpl-([PST])-(\d+)"')


class Kind(StrEnum):
    """What a client sends."""

    PLAIN = "plain"
    STREAM = "stream"
    BIG = "big"  # a body of 1 MB


_MIX = (Kind.PLAIN, Kind.STREAM, Kind.PLAIN, Kind.PLAIN, Kind.STREAM, Kind.PLAIN, Kind.BIG)


@dataclass(frozen=True, slots=True)
class Sample:
    """One request and what came of it."""

    request: str  # its x-request-id
    kind: Kind
    status: int  # 0: it was broken off
    attempts: int
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a load has shown."""

    requests: int
    failed: list[str]
    wrong: list[str]
    twice: list[str]  # requests to which providers gave more than one good answer
    calls: int  # that providers have got
    extra: int  # how many of these were more than the attempts that the answer to their request tells of
    p50: float
    p99: float

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, {len(self.failed)} failed, {len(self.wrong)} wrong, "
            f"{len(self.twice)} generated twice, {self.calls} provider calls ({self.extra} extra), "
            f"p50 {self.p50 * 1000:.0f} ms, p99 {self.p99 * 1000:.0f} ms"
        )


class Load:
    """A closed loop of clients. Mutable: it collects samples."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._numbers = itertools.count(1)
        self._samples: list[Sample] = []

    @property
    def requests(self) -> int:
        """How many requests have been answered so far."""
        return len(self._samples)

    async def run(self, *, clients: int, until: Callable[[], bool]) -> None:
        """Keep so many *clients* busy *until* it is enough; those under way are answered."""
        await asyncio.gather(*(self._client(offset, until) for offset in range(clients)))

    async def _client(self, offset: int, until: Callable[[], bool]) -> None:
        for kind in itertools.cycle(_MIX[offset % len(_MIX) :] + _MIX[: offset % len(_MIX)]):
            if until():
                return
            self._samples.append(await self._send(kind, f"request-{next(self._numbers)}"))

    async def _send(self, kind: Kind, request: str) -> Sample:
        began = time.monotonic()
        status, attempts, body = 0, 0, b""
        try:
            answer = await self._gateway.client.post(
                CHAT, content=_body(kind, request), headers={**a_clients_headers(), "x-request-id": request}
            )
            status, body = answer.status_code, answer.content
            attempts = int(answer.headers.get(names.ATTEMPTS, 1))
        except httpx.HTTPError as error:
            body = repr(error).encode()
        return Sample(request, kind, status, attempts, body, time.monotonic() - began)

    def figures(self) -> Figures:
        """Return what it has shown, once the load is over."""
        calls = {(provider.name, call.number): call for provider in self._gateway.each for call in provider.calls}
        called = Counter(call.header("x-request-id") or "" for call in calls.values())
        good = Counter(call.header("x-request-id") or "" for call in calls.values() if call.step == "200")
        seconds = sorted(sample.seconds for sample in self._samples)
        answered = [sample for sample in self._samples if sample.status == 200]
        return Figures(
            requests=len(self._samples),
            failed=[f"{one.request}: {one.status} {one.body[:300]!r}" for one in self._samples if one.status != 200],
            wrong=[f"{one.request}: {one.body[:300]!r}" for one in answered if not _is_right(one, calls)],
            twice=[request for request, times in good.items() if times > 1],
            calls=sum(provider.log.begun for provider in self._gateway.each),
            extra=sum(max(0, called[one.request] - one.attempts) for one in self._samples),
            p50=seconds[len(seconds) // 2],
            p99=seconds[len(seconds) * 99 // 100],
        )


def _body(kind: Kind, request: str) -> bytes:
    if kind is Kind.BIG:
        return a_body(user=request, padding=_BIG)
    return a_body(user=request, stream=kind is Kind.STREAM)


def _is_right(sample: Sample, calls: dict[tuple[str, int], Call]) -> bool:
    """Tell whether *sample* is, byte for byte, what a provider answered to this very request, and to all of it."""
    found = _ID.search(sample.body)
    if found is None:
        return False
    name = found[1].decode()
    call = calls[name, int(found[2])]
    if call.header("x-request-id") != sample.request or call.body_length != _length_at(name, sample):
        return False
    if sample.kind is Kind.STREAM:
        return sample.body == b"".join(stream(call, name, EVENTS))
    return sample.body == compose(Step(), call, name).body


def _length_at(name: str, sample: Sample) -> int:
    """Return how long the request's body is when it has reached provider *name*, with the model's name there."""
    sent = _body(sample.kind, sample.request)
    return len(sent.replace(P.encode(), _MODELS[name].partition("/")[2].encode(), 1))
