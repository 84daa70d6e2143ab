"""Every form in which a provider says how long to wait."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered
from support.gateway.providers import P
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

SLACK = 3.0
"""Seconds by which a machine that others use may be late; the wait that is read is exact in unit tests."""

NOW = 0.0
LONGEST = {"retry-after-ms": "300", "retry-after": "1.1", "x-ratelimit-remaining-tokens": "0"}

WAITS: dict[str, tuple[dict[str, str], float]] = {
    "whole seconds": ({"retry-after": "1"}, 1.0),
    "decimal seconds": ({"retry-after": "0.7"}, 0.7),
    "milliseconds": ({"retry-after-ms": "650"}, 0.65),
    "the longest of several": ({**LONGEST, "x-ratelimit-reset-tokens": "500ms"}, 1.1),
    "a spent request limit": ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}, 1.0),
    "a spent token limit": ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "0m0.8s"}, 0.8),
    "a spent limit in bare seconds": ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "0.6"}, 0.6),
    "zero": ({"retry-after": "0"}, NOW),
    "a date in the past": ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, NOW),
    "a limit that is not spent": ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "30s"}, NOW),
    "garbage": ({"retry-after": "soon"}, NOW),
    "a negative number": ({"retry-after": "-30"}, NOW),
    "no number": ({"retry-after": "NaN"}, NOW),
    "an overflow": ({"retry-after": "9" * 40}, NOW),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run one provider whose rate limits are waited out; what it says holds for that request only."""
    policy = {
        "on_status_codes": [{"codes": [429, 503], "strategy": "same_model", "max_attempts": 1}],
        "retry_after_handling": {"scope": "model", "apply_to": "request"},
    }
    async with running_gateway(only="P", policy=policy) as gateway:
        yield gateway


async def wait_after(gateway: Gateway, headers: dict[str, str], *, status: int = 429) -> float:
    """Send a request that first gets *status* and *headers*; return the seconds until the second attempt."""
    gateway.play(p=f"{status}(headers={json.dumps(headers)}), 200")
    check_delivered(await gateway.chat(), by="P", target=P, attempts=2)
    first, second = gateway.calls
    return second.arrived - first.arrived


@pytest.mark.parametrize(("headers", "seconds"), WAITS.values(), ids=WAITS)
async def test_a_wait_is_read(gateway: Gateway, headers: dict[str, str], seconds: float) -> None:
    assert seconds <= await wait_after(gateway, headers) < seconds + SLACK


async def test_a_date_is_waited_for(gateway: Gateway) -> None:
    """An HTTP-date knows whole seconds only; the attempt comes not before it."""
    until = math.ceil(time.time() + 1)
    gateway.play(p=f'429(retry_after="{format_datetime(datetime.fromtimestamp(until, UTC), usegmt=True)}"), 200')

    response = await gateway.chat()
    done = time.time()

    check_delivered(response, by="P", target=P, attempts=2)
    assert until <= done < until + SLACK


async def test_anthropics_reset_time_is_waited_for(gateway: Gateway) -> None:
    until = time.time() + 0.9
    reset = datetime.fromtimestamp(until, UTC).isoformat()
    headers = {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": reset}

    await wait_after(gateway, headers)

    assert until <= time.time() < until + SLACK


async def test_it_is_read_from_other_failures_too(gateway: Gateway) -> None:
    """503 with Retry-After is what a server under maintenance says."""
    assert 0.8 <= await wait_after(gateway, {"retry-after": "0.8"}, status=503) < 0.8 + SLACK


async def test_limits_count_only_on_429(gateway: Gateway) -> None:
    """Providers send them with every answer, so with a 503 they say nothing about it."""
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "30s"}

    assert await wait_after(gateway, headers, status=503) < SLACK
