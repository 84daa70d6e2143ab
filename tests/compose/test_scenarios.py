"""What the gateway is for, seen from another container: deploy/gateway.yaml has a model for each policy."""

from __future__ import annotations

import hashlib
import itertools
import time
from typing import TYPE_CHECKING

import pytest
from support.gateway.checks import check_answer, check_delivered, check_exhausted, check_sent
from support.gateway.credentials import P_KEY, S_KEY, T_KEY
from support.gateway.providers import P, S, T
from support.http.requests import CHAT, a_body, a_clients_headers
from support.http.streaming import content_of, read_events

if TYPE_CHECKING:
    from compose.conftest import Composed

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_gateway_is_healthy(composed: Composed) -> None:
    """The sidecar's workers are reached through the socket in the shared volume."""
    assert (await composed.client.get("/healthz")).status_code == 200


async def test_a_good_response_is_delivered_without_a_second_call(composed: Composed) -> None:
    await composed.play()

    response = await composed.chat()

    check_delivered(response, by="P", target=P, attempts=1)
    assert await composed.order() == "P"


async def test_a_rate_limit_at_the_primary_is_served_by_the_second(composed: Composed) -> None:
    """IT-1: both are called once, each with its own model name and key; the client sees the second's response."""
    await composed.play(p="429")

    response = await composed.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    calls = await composed.calls()
    assert [call.model for call in calls] == ["gpt-4o", "claude-3-5-sonnet"]
    for call, key in zip(calls, (P_KEY, S_KEY), strict=True):
        check_sent(call, key=key)


async def test_an_overloaded_primary_is_served_by_the_second(composed: Composed) -> None:
    """IT-2: 503 is in no rule; the default is another provider."""
    await composed.play(p="503")

    response = await composed.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert await composed.order() == "PS"


async def test_without_a_policy_every_response_is_delivered_as_it_is(composed: Composed) -> None:
    """IT-4: status, headers and every byte of the body; nobody else is called."""
    await composed.play(p='429(retry_after=7, body="{\\"error\\":  \\"slow down\\"}")')

    response = await composed.chat("openai/without-policy")

    assert (response.status_code, response.content) == (429, b'{"error":  "slow down"}')
    assert response.headers["retry-after"] == "7"
    assert await composed.order() == "P"
    check_answer(response)


async def test_fallbacks_are_tried_in_their_order(composed: Composed) -> None:
    """IT-7."""
    await composed.play(p="429", s="429; mistral-large: 200")

    response = await composed.chat("openai/with-two-fallbacks")

    check_delivered(response, by="S", target=T, attempts=3)
    assert await composed.order() == "PST"
    for call, key in zip(await composed.calls(), (P_KEY, S_KEY, T_KEY), strict=True):
        check_sent(call, key=key)


async def test_when_all_are_rate_limited_the_error_lists_the_attempts(composed: Composed) -> None:
    """IT-3."""
    await composed.play(p="429", s="429")

    response = await composed.chat("openai/with-two-fallbacks")

    tried = [("openai/with-two-fallbacks", "http_429"), (S, "http_429"), (T, "http_429")]
    check_exhausted(response, status=429, attempts=tried)


async def test_a_provider_that_asked_to_be_left_alone_is(composed: Composed) -> None:
    """IT-9: both requests are answered at once, whichever worker decides; the second never calls the primary."""
    await composed.play(p="429(retry_after=10)")

    began = time.monotonic()
    first = await composed.chat("openai/left-alone")
    others = [await composed.chat("openai/left-alone") for _ in range(10)]
    took = time.monotonic() - began

    check_delivered(first, by="S", target=S, attempts=2)
    for other in others:
        check_delivered(other, by="S", target=S, attempts=1)
    assert await composed.order() == "P" + "S" * 11
    assert took < 5


async def test_a_fallbacks_stream_arrives_event_by_event(composed: Composed) -> None:
    """IT-12: nothing is held back; each event comes when the provider sends it."""
    gap = 0.3
    await composed.play(p="429", s=f"200(sse=5, gap={gap})")

    async with composed.client.stream(
        "POST", CHAT, content=a_body(stream=True), headers=a_clients_headers()
    ) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        events = await read_events(response)

    assert content_of(events) == "S-1 S-2 S-3 S-4 S-5 "
    assert events[-1].data == "[DONE]"
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(events[:5])]
    assert sorted(gaps)[1] > 0.5 * gap  # but for one that the machine itself has held back, gaps
    assert all(call.streamed for call in await composed.calls())


async def test_the_second_gets_the_body_byte_for_byte(composed: Composed) -> None:
    """IT-13: but for the model's name, all white space, odd numbers and look-alike keys arrive as they were sent."""
    await composed.play(p="429", s="echo")

    response = await composed.client.post(CHAT, content=odd_body("openai/gpt-4o"), headers=a_clients_headers())

    assert response.json()["provider"] == "S"
    for call, name in zip(await composed.calls(), ("gpt-4o", "claude-3-5-sonnet"), strict=True):
        assert call.body == odd_body(name)
        assert call.body_sha256 == hashlib.sha256(odd_body(name)).hexdigest()


@pytest.mark.parametrize("step", ["reset", "close", "reset_mid_headers(gap=0.01)"])
async def test_a_provider_that_breaks_off_before_its_response_is_replaced(composed: Composed, step: str) -> None:
    await composed.play(p=step)

    response = await composed.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert await composed.order() == "PS"


async def test_a_provider_that_refuses_connections_is_replaced(composed: Composed) -> None:
    await composed.play()

    response = await composed.chat("openai/refusing")

    check_delivered(response, by="S", target=S, attempts=2)
    assert await composed.order() == "S"


async def test_a_large_body_is_replayed_whole(composed: Composed) -> None:
    """One that no single message of the network holds."""
    await composed.play(p="429")
    text = "x" * 5_000_000

    response = await composed.chat(user=text)

    check_delivered(response, by="S", target=S, attempts=2)
    assert [call.body_length > len(text) for call in await composed.calls()] == [True, True]


def odd_body(model: str) -> bytes:
    """Return a body whose bytes a parser and writer of JSON would not keep."""
    return (
        b'{ "temperature":1.50 ,\t"messages" : [{"role":"user","content":"\\"model\\": \\u00e9 \xc3\xa9"}],\n'
        b'  "model":"' + model.encode() + b'", "metadata":{"model": "mine"}, "seed":12345678901234567890,"n":1e0}  '
    )
