"""Slow responses are delivered, and their provider is deprioritized afterwards."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered
from support.gateway.credentials import P_KEY, S_KEY
from support.gateway.providers import S, a_model
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.gateway.providers import Json

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

THRESHOLD = 600


def a_policy(measure: str, **more: object) -> Json:
    slow = {
        "threshold_ms": THRESHOLD,
        "measure": measure,
        "strategy": "different_provider",
        "max_attempts": 1,
        "block_duration_seconds": 60,
        **more,
    }
    return {"fallback_models": [S], "on_high_latency": slow}


# Each is the policy of a model of its own: blocks of scope model keep the tests apart.
POLICIES: dict[str, Json] = {
    "openai/a-second": a_policy("total", threshold_ms=1000),
    "openai/total": a_policy("total"),
    "openai/ttfb": a_policy("ttfb"),
    "openai/ttfb-slow": a_policy("ttfb"),
    "openai/fast": a_policy("total"),
    "openai/request": a_policy("total", apply_to="request"),
    "openai/twice": a_policy("total", min_triggers=2, trigger_window_seconds=60),
    "openai/short": a_policy("total", block_duration_seconds=1),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a provider with a model for each policy, and a second provider."""
    async with running_gateway(
        models=lambda providers: [
            *(a_model(name, providers.p, P_KEY, retry_policy=policy) for name, policy in POLICIES.items()),
            a_model(S, providers.s, S_KEY),
        ]
    ) as gateway:
        yield gateway


async def test_a_slow_response_is_delivered_and_the_next_request_goes_elsewhere(gateway: Gateway) -> None:
    """IT-11, with its own numbers."""
    gateway.play(p="200(delay=1.5)")

    began = time.monotonic()
    first = await gateway.chat("openai/a-second")
    took = time.monotonic() - began
    second = await gateway.chat("openai/a-second")

    check_delivered(first, by="P", target="openai/a-second", attempts=1)
    assert took >= 1.5
    check_delivered(second, by="S", target=S, attempts=1)
    assert gateway.order == "PS"


async def test_all_blocked_for_slowness_still_serves() -> None:
    """Our own guess must never turn slow providers into an outage: the one free soonest is used."""
    async with running_gateway(only="PS", policy=a_policy("total")) as gateway:
        gateway.play(p="200(delay=0.8)", s="200(delay=0.8)")

        answers = [await gateway.chat() for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200] * 3
        assert gateway.order in {"PSP", "PSS"}  # the end of a block is jittered by up to a tenth


async def test_the_total_counts_what_comes_after_prompt_headers(gateway: Gateway) -> None:
    """It is known when the answer has ended, without a look at the body."""
    gateway.play(p="slow_body(1)")

    await gateway.chat("openai/total")
    second = await gateway.chat("openai/total")

    check_delivered(second, by="S", target=S, attempts=1)
    assert gateway.order == "PS"


async def test_the_time_to_headers_does_not(gateway: Gateway) -> None:
    gateway.play(p="slow_body(1), 200")

    await gateway.chat("openai/ttfb")
    second = await gateway.chat("openai/ttfb")

    check_delivered(second, by="P", target="openai/ttfb", attempts=1)
    assert gateway.order == "PP"


async def test_late_headers_count_by_time_to_headers(gateway: Gateway) -> None:
    gateway.play(p="200(delay=0.8), 200")

    await gateway.chat("openai/ttfb-slow")
    second = await gateway.chat("openai/ttfb-slow")

    check_delivered(second, by="S", target=S, attempts=1)


async def test_a_fast_response_sets_no_block(gateway: Gateway) -> None:
    gateway.play(p="200(delay=0.2)")

    for _ in range(3):
        check_delivered(await gateway.chat("openai/fast"), by="P", target="openai/fast", attempts=1)


async def test_a_block_for_one_request_does_not_outlive_it(gateway: Gateway) -> None:
    gateway.play(p="200(delay=0.8), 200")

    await gateway.chat("openai/request")
    second = await gateway.chat("openai/request")

    check_delivered(second, by="P", target="openai/request", attempts=1)


async def test_one_slow_response_is_not_two(gateway: Gateway) -> None:
    """With min_triggers 2 the first is forgiven; the second is not."""
    gateway.play(p="200(delay=0.8), 200(delay=0.8), 200")

    answers = [await gateway.chat("openai/twice") for _ in range(3)]

    assert [answer.headers["x-mock-provider"] for answer in answers] == ["P", "P", "S"]


async def test_slowness_is_forgotten_after_its_time(gateway: Gateway) -> None:
    gateway.play(p="200(delay=0.8), 200")

    await gateway.chat("openai/short")
    blocked = await gateway.chat("openai/short")
    check_delivered(blocked, by="S", target=S, attempts=1)
    async with asyncio.timeout(3):
        while (await gateway.chat("openai/short")).headers["x-mock-provider"] == "S":
            pass
