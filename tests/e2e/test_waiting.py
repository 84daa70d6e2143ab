"""Waiting at one provider: how long, for whom, and when not at all."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered, check_exhausted
from support.gateway.credentials import P_KEY, S_KEY
from support.gateway.providers import S, a_model
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.gateway.providers import Json

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

SLACK = 3.0
"""Seconds by which a machine that others use may be late; how long a wait is to be, unit tests hold."""

SAME = {"codes": [429, 503], "strategy": "same_model", "max_attempts": 3}

# Each is the policy of a model of its own: blocks of scope model keep the tests apart.
POLICIES: dict[str, Json] = {
    "openai/backoff": {
        "on_status_codes": [SAME],
        "backoff": {"apply_to": "same_model", "base_ms": 500, "max_ms": 5000, "jitter": False},
    },
    "openai/retry-after": {"on_status_codes": [SAME]},
    "openai/retry-after-and-backoff": {
        "on_status_codes": [SAME],
        "backoff": {"apply_to": "same_model", "base_ms": 1500, "max_ms": 5000, "jitter": False},
    },
    "openai/zero": {"on_status_codes": [SAME]},
    "openai/too-long": {"on_status_codes": [SAME]},
    "openai/too-long-with-others": {"default_strategy": "different_provider", "fallback_models": [S]},
    "openai/budget": {
        "on_status_codes": [{**SAME, "max_attempts": 9}],
        "backoff": {"apply_to": "same_model", "base_ms": 400, "max_ms": 5000, "jitter": False},
        "max_retry_duration_ms": 900,
    },
    "openai/other-scope": {
        "fallback_models": [S],
        "backoff": {"apply_to": "same_model", "base_ms": 3000, "max_ms": 5000, "jitter": False},
    },
    "openai/global-backoff": {
        "fallback_models": [S],
        "backoff": {"apply_to": "global", "base_ms": 600, "max_ms": 5000, "jitter": False},
    },
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


def waits(gateway: Gateway) -> list[float]:
    """Return the seconds between one provider call and the next."""
    return [later.arrived - earlier.arrived for earlier, later in itertools.pairwise(gateway.calls)]


async def test_backoff_doubles_at_the_same_model(gateway: Gateway) -> None:
    """IT-6: 500 ms, then 1000 ms, then the answer."""
    gateway.play(p="429, 429, 200")

    response = await gateway.chat("openai/backoff")

    check_delivered(response, by="P", target="openai/backoff", attempts=3)
    assert gateway.order == "PPP"
    first, second = waits(gateway)
    assert 0.5 <= first < 0.5 + SLACK
    assert 1.0 <= second < 1.0 + SLACK


async def test_a_retry_after_is_waited_out_at_the_same_model(gateway: Gateway) -> None:
    """IT-8: to the millisecond, not to the next whole second."""
    gateway.play(p="429(retry_after=2), 200")

    began = time.monotonic()
    response = await gateway.chat("openai/retry-after")
    took = time.monotonic() - began

    check_delivered(response, by="P", target="openai/retry-after", attempts=2)
    assert gateway.order == "PP"
    assert waits(gateway)[0] >= 2
    assert took < 2 + SLACK


async def test_the_longer_of_backoff_and_retry_after_counts(gateway: Gateway) -> None:
    """They are not added up: back-off 1.5 s beats 1 s asked for."""
    gateway.play(p="429(retry_after=1), 200")

    response = await gateway.chat("openai/retry-after-and-backoff")

    check_delivered(response, by="P", target="openai/retry-after-and-backoff", attempts=2)
    assert 1.5 <= waits(gateway)[0] < 2.5


async def test_zero_means_now(gateway: Gateway) -> None:
    gateway.play(p="429(retry_after=0), 200")

    response = await gateway.chat("openai/zero")

    check_delivered(response, by="P", target="openai/zero", attempts=2)
    assert waits(gateway)[0] < 2


async def test_a_wait_longer_than_allowed_is_not_begun(gateway: Gateway) -> None:
    """The client gets the exhausted answer at once, and is told when it would be worth another try."""
    gateway.play(p="429(retry_after=120)")

    began = time.monotonic()
    response = await gateway.chat("openai/too-long")
    took = time.monotonic() - began

    error = check_exhausted(
        response, status=429, attempts=[("openai/too-long", "http_429")], retry_after=range(119, 133)
    )
    assert error["observed_max_retry_after_seconds"] == 120
    assert took < 60
    assert gateway.order == "P"


async def test_a_retry_after_never_delays_another_provider(gateway: Gateway) -> None:
    """It is about the one that said it."""
    gateway.play(p="429(retry_after=60)")

    began = time.monotonic()
    response = await gateway.chat("openai/too-long-with-others")
    took = time.monotonic() - began

    check_delivered(response, by="S", target=S, attempts=2)
    assert took < 30
    assert gateway.order == "PS"


async def test_a_wait_that_would_cross_the_budget_is_not_begun(gateway: Gateway) -> None:
    """900 ms leave room for 400 ms of back-off, not for 800 more."""
    gateway.play(p="503")

    began = time.monotonic()
    response = await gateway.chat("openai/budget")
    took = time.monotonic() - began

    error = check_exhausted(response, status=503, attempts=[("openai/budget", "http_503")] * 2)
    assert error["retry_budget_exhausted"] is True
    assert error["message"] == (
        "All retry attempts exhausted: retry budget exceeded. "
        "openai/budget returned HTTP 503 (unavailable) 2 times. Try again in 2 s."
    )
    assert took >= 0.4


async def test_backoff_of_a_model_does_not_delay_another_provider(gateway: Gateway) -> None:
    gateway.play(p="503")

    response = await gateway.chat("openai/other-scope")

    check_delivered(response, by="S", target=S, attempts=2)
    assert waits(gateway)[0] < SLACK


async def test_global_backoff_delays_every_next_attempt(gateway: Gateway) -> None:
    gateway.play(p="503")

    response = await gateway.chat("openai/global-backoff")

    check_delivered(response, by="S", target=S, attempts=2)
    assert 0.6 <= waits(gateway)[0] < 0.6 + SLACK
