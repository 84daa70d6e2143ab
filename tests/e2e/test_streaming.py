"""Streamed answers: event by event, whole, and never begun twice."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from support.gateway.checks import check_delivered, check_sent
from support.gateway.credentials import S_KEY
from support.gateway.providers import IMPATIENCE_MS, P, S
from support.http.requests import CHAT, a_body, a_clients_headers
from support.http.streaming import content_of, read_events
from support.waiting import eventually

if TYPE_CHECKING:
    from support.gateway.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


async def test_events_arrive_one_by_one_after_a_failover(impatient: Gateway) -> None:
    """IT-12: nothing is held back; each event comes when the provider sends it."""
    gap = 0.3
    impatient.play(p="429", s=f"200(sse=5, gap={gap})")

    async with impatient.client.stream(
        "POST", CHAT, content=a_body(stream=True), headers=a_clients_headers()
    ) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        events = await read_events(response)

    assert content_of(events) == "S-1 S-2 S-3 S-4 S-5 "
    assert [event.data for event in events][-1] == "[DONE]"
    contents = events[:5]
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(contents)]
    assert sorted(gaps)[1] > 0.5 * gap, gaps  # but for one that the machine itself has held back
    assert impatient.order == "PS"
    assert all(call.streamed for call in impatient.calls)
    check_sent(impatient.s.calls[0], key=S_KEY)


async def test_a_stream_longer_than_the_time_limit_is_not_cut(impatient: Gateway) -> None:
    """`after_ms` is about the headers: what has begun in time may take any time."""
    impatient.play(p="200(sse=6, gap=0.25)")

    began = time.monotonic()
    async with impatient.client.stream(
        "POST", CHAT, content=a_body(stream=True), headers=a_clients_headers()
    ) as response:
        events = await read_events(response)

    assert time.monotonic() - began > 2 * IMPATIENCE_MS / 1000
    assert content_of(events) == "P-1 P-2 P-3 P-4 P-5 P-6 "
    assert impatient.order == "P"


async def test_a_slow_body_is_not_cut_either(impatient: Gateway) -> None:
    impatient.play(p="slow_body(1.2)")

    check_delivered(await impatient.chat(), by="P", target=P, attempts=1)
    assert impatient.order == "P"


async def test_a_stream_begins_after_a_silent_primary(impatient: Gateway) -> None:
    impatient.play(p="silence", s="200(sse=3, gap=0.05)")

    async with impatient.client.stream(
        "POST", CHAT, content=a_body(stream=True), headers=a_clients_headers()
    ) as response:
        events = await read_events(response)

    assert content_of(events) == "S-1 S-2 S-3 "
    assert response.headers["x-extproc-model"] == S
    assert impatient.order == "PS"


async def test_a_client_that_hangs_up_in_a_stream_ends_it_at_the_provider(impatient: Gateway) -> None:
    """Tokens that nobody reads cost money."""
    impatient.play(p="200(sse=1000, gap=0.05)")

    async with impatient.client.stream(
        "POST", CHAT, content=a_body(stream=True), headers=a_clients_headers()
    ) as response:
        await anext(response.aiter_raw())

    await eventually(lambda: impatient.p.log.hangups == 1)
    assert impatient.order == "P"


async def test_a_stream_that_breaks_is_seen_to_break(impatient: Gateway) -> None:
    """No second provider may continue what the first has begun to say."""
    impatient.play(p='reset_mid_body(gap=0.2, headers={"content-type": "text/event-stream"})')

    with pytest.raises(httpx.RemoteProtocolError):
        await impatient.chat(stream=True)

    assert impatient.order == "P"
