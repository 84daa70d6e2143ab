"""What the arrangement of two listeners stands on: facts about Envoy, each seen again on every run.

A future Envoy that breaks one of them breaks failover silently; here it does so loudly.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import pytest
from support.toys.provider import Reply
from support.toys.world import DEAD
from support.waiting import DEADLINE, eventually_sync

from extproc.exchange.envoy_flags import Flag

if TYPE_CHECKING:
    from support.toys.world import World


def test_a_refused_connection_is_reported_to_the_sidecar(world: World) -> None:
    """It arrives as the headers of Envoy's own response, with the flag UF."""
    world.post(DEAD)

    (stream,) = world.sidecar.streams
    assert stream.status == "503"
    assert stream.flags == Flag.UPSTREAM_CONNECTION_FAILURE
    assert stream.details.startswith("upstream_reset_before_response_started{")


def test_a_reset_is_reported_to_the_sidecar(world: World) -> None:
    """It arrives as the headers of Envoy's own response, with the flag UC."""
    world.a.reply = Reply(reset=True)

    world.post("a")

    (stream,) = world.sidecar.streams
    assert stream.status == "503"
    assert stream.flags == Flag.UPSTREAM_CONNECTION_TERMINATION
    assert stream.details.startswith("upstream_reset_before_response_started{")


def test_a_timeout_set_by_the_sidecar_is_enforced_and_reported(world: World) -> None:
    """An attempt without headers in time ends as Envoy's own 504 with the flag UT."""
    world.a.reply = Reply(pause=DEADLINE)
    began = time.monotonic()

    world.post("a", limit="300")

    (stream,) = world.sidecar.streams
    assert 0.3 <= time.monotonic() - began < 30
    assert (stream.status, stream.flags) == ("504", Flag.UPSTREAM_REQUEST_TIMEOUT)
    assert stream.details == "upstream_per_try_timeout"


def test_a_timeout_never_aborts_a_response_that_has_begun(world: World) -> None:
    """It is for the headers: a stream four times as long as the limit comes through whole."""
    world.a.reply = Reply(chunks=[b"x"] * 10, gap=0.12)

    answer = world.post("a", limit="300")

    assert answer.content == b"x" * 10


def test_a_providers_own_response_is_distinguished_from_envoys(world: World) -> None:
    world.a.reply = Reply(status=503)

    world.post("a")

    (stream,) = world.sidecar.streams
    assert (stream.status, stream.flags, stream.details) == ("503", 0, "via_upstream")


def test_a_marked_response_makes_the_edge_retry(world: World) -> None:
    """The mark and the state on an empty response lead to the next attempt, which knows of the one before."""
    world.a.reply = Reply(status=429, chunks=[b"x" * 100_000])

    answer = world.post(f"a,{DEAD},b")

    assert (answer.status_code, answer.content) == (200, b"ok")
    assert (len(world.a.calls), len(world.b.calls)) == (1, 1)
    assert [stream.headers.get("x-extproc-state") for stream in world.sidecar.streams] == [None, "1", "2"]


def test_a_marked_response_resets_no_stream(world: World) -> None:
    """An empty answer is complete, so the edge has nothing to cut off inside.

    Resets would add up: after some hundreds Envoy closes the inner connection with all that is on it.
    """
    world.a.reply = Reply(status=429, chunks=[b"x" * 100_000])

    for _ in range(20):
        world.post("a,b")

    assert world.envoy.counter("http.attempt.downstream_rq_rx_reset") == 0
    assert world.envoy.counter("http.attempt.downstream_cx_destroy_remote_active_rq") == 0


def test_an_immediate_response_with_a_body_replaces_the_failed_one(world: World) -> None:
    """Also where the failed one is Envoy's own: that is how the sidecar says that everything was tried."""
    world.a.reply = Reply(status=429, headers=[("x-from", "a")])

    answers = [world.post("a"), world.post(DEAD)]

    assert [(answer.status_code, answer.text) for answer in answers] == [(429, '{"by":"toy"}'), (503, '{"by":"toy"}')]
    assert all("x-from" not in answer.headers for answer in answers)


def test_each_attempt_begins_from_what_the_client_sent(world: World) -> None:
    """What the sidecar changed for one attempt does not leak into the next."""
    world.a.reply = Reply(status=500)
    body = b'{"model": "gpt-4o"}'

    world.post("a,b", body, authorization="Bearer mine")

    first, second = world.sidecar.streams
    assert first.headers["authorization"] == second.headers["authorization"] == "Bearer mine"
    assert first.body == second.body == body
    assert world.a.calls[0].header("authorization") == ["Bearer key-of-a"]
    assert world.b.calls[0].header("authorization") == ["Bearer key-of-b"]


def test_a_large_body_is_replayed_byte_for_byte(world: World) -> None:
    body = os.urandom(20_000_000)
    world.a.reply = Reply(status=503)

    answer = world.post("a,b", body)

    digest = hashlib.sha256(body).digest()
    assert answer.status_code == 200
    for provider in (world.a, world.b):
        (call,) = provider.calls
        assert call.header("content-length") == ["20000000"]
        assert hashlib.sha256(call.body).digest() == digest


def test_a_stream_is_passed_through_event_by_event(world: World) -> None:
    """No part of a response waits for a later one."""
    world.a.reply = Reply(status=429)
    world.b.reply = Reply(chunks=[b"data: 1\n\n"] * 5, gap=0.2)

    with httpx.stream("POST", f"{world.url}/v1/chat/completions", content=b"{}", headers={"plan": "a,b"}) as answer:
        arrivals = [time.monotonic() for _ in answer.iter_raw()]

    assert len(arrivals) == 5
    gaps = sorted(later - earlier for earlier, later in pairwise(arrivals))
    assert gaps[1] > 0.1  # but for one that the machine itself has held back


def test_the_stream_to_the_sidecar_ends_with_the_response(world: World) -> None:
    """So its end tells the total latency, without any response body being sent there."""
    world.a.reply = Reply(chunks=[b"x"] * 3, gap=0.2)

    world.post("a")

    (stream,) = world.sidecar.streams
    eventually_sync(lambda: stream.ended_after is not None, what="the stream has ended")
    assert stream.ended_after is not None
    assert stream.ended_after > 0.5


async def _posts(world: World, count: int, **headers: str) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=DEADLINE) as client:
        url = f"{world.url}/v1/chat/completions"
        return await asyncio.gather(*(client.post(url, content=b"{}", headers=headers) for _ in range(count)))


def test_many_attempts_can_be_held_at_the_same_time(world: World) -> None:
    """Holding back the answer to the request's headers delays the attempt, and no other."""
    began = time.monotonic()

    answers = asyncio.run(_posts(world, 50, plan="a", hold="1"))

    assert [answer.status_code for answer in answers] == [200] * 50
    assert 1 <= time.monotonic() - began < 25  # one after the other they would take 50


def test_a_disconnecting_client_ends_the_hold(world: World) -> None:
    """The stream to the sidecar is cancelled at once, and no provider is called."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{world.url}/v1/x", content=b"{}", headers={"plan": "a", "hold": "40"}, timeout=0.3)

    (stream,) = world.sidecar.streams
    eventually_sync(lambda: stream.ended_after is not None, what="the stream has ended", within=20)
    assert world.a.calls == []


def test_200_requests_can_fail_over_at_the_same_time(world: World) -> None:
    """Envoy's circuit breakers would let 3 be tried again and fail the rest."""
    world.a.reply = Reply(status=429, pause=0.3)
    world.b.reply = Reply(pause=0.3)

    answers = asyncio.run(_posts(world, 200, plan="a,b"))

    assert [answer.status_code for answer in answers] == [200] * 200
    assert (len(world.a.calls), len(world.b.calls)) == (200, 200)


def test_a_body_that_the_edge_accepts_reaches_the_attempt_listener(world: World) -> None:
    """The attempt state and a few headers of our own come on top of a client's, and of a provider's."""
    many = {f"x-{number}": "x" * 500 for number in range(90)}
    world.a.reply = Reply(status=500)
    world.b.reply = Reply(headers=[*many.items()])

    answer = world.post("a,b", headers=many)

    assert answer.status_code == 200
    assert world.b.calls[0].header_names >= set(many)
    assert set(answer.headers) >= set(many)
