"""Back-off with jitter: what providers see of the waits lies within the law, and is spread over it.

Many requests at once are one sample. An attempt may come later than it must, never sooner: lower bounds are exact, and
upper ones leave room for a busy machine. That waits are spread is asked of the whole sample: randomness alone fails
that less than once in ten thousand runs, and a machine that is late by a tenth of a second not much more often.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_exhausted
from support.gateway.credentials import P_KEY
from support.gateway.providers import a_model
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

BASE = 0.2
MOST = 0.9
SLACK = 3.0
"""Seconds that an attempt may be later than it must be."""

REQUESTS = 12
RETRIES = 3


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run one provider with a model for each kind of jitter."""
    async with running_gateway(
        models=lambda providers: [
            a_model(
                f"openai/{jitter}",
                providers.p,
                P_KEY,
                retry_policy={
                    "on_status_codes": [{"codes": [429], "strategy": "same_model", "max_attempts": RETRIES}],
                    "backoff": {
                        "apply_to": "same_model",
                        "base_ms": int(BASE * 1000),
                        "max_ms": int(MOST * 1000),
                        "jitter": jitter,
                    },
                },
            )
            for jitter in ("full", "decorrelated")
        ]
    ) as gateway:
        yield gateway


async def waits(gateway: Gateway, model: str) -> list[tuple[float, ...]]:
    """Send requests that fail to the end; return for each of them the seconds between one attempt and the next."""
    gateway.play(p="429")

    answers = await asyncio.gather(*(gateway.chat(model) for _ in range(REQUESTS)))

    for answer in answers:
        check_exhausted(answer, status=429, attempts=[(model, "http_429")] * (1 + RETRIES))
    arrived = defaultdict(list)
    for call in gateway.calls:
        arrived[call.header("x-request-id")].append(call.arrived)
    assert len(arrived) == REQUESTS
    return [tuple(later - earlier for earlier, later in itertools.pairwise(each)) for each in arrived.values()]


async def test_decorrelated_jitter_is_never_less_than_the_base_nor_more_than_three_times_the_wait_before(
    gateway: Gateway,
) -> None:
    """Each wait is measured by the one before it, so some get longer than the first can ever be."""
    observed = await waits(gateway, "openai/decorrelated")

    for each in observed:
        for before, wait in itertools.pairwise((BASE, *each)):
            assert BASE <= wait < min(MOST, 3 * before) + SLACK, observed
    firsts = [each[0] for each in observed]
    assert max(firsts) - min(firsts) > BASE / 4, f"no jitter in {firsts}"
    assert max(wait for each in observed for wait in each[1:]) > 3.2 * BASE, observed


async def test_full_jitter_takes_anything_from_nothing_to_the_doubled_wait(gateway: Gateway) -> None:
    """Some waits are shorter than equal jitter ever makes them, and some are well above nothing."""
    observed = await waits(gateway, "openai/full")

    whole = [min(MOST, BASE * 2**n) for n in range(RETRIES)]
    for each in observed:
        assert all(wait < most + SLACK for wait, most in zip(each, whole, strict=True)), observed
    parts = [wait / most for each in observed for wait, most in zip(each, whole, strict=True)]
    assert min(parts) < 0.5, observed
    assert max(parts) > 0.5, observed
