"""A client that hangs up is not served any further."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered
from support.gateway.providers import P
from support.gateway.running import Gateway, running_gateway
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

WAIT = 4.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run two providers; a 429 is waited out at the same one, all else goes to another."""
    policy = {
        "on_status_codes": [{"codes": [429], "strategy": "same_model", "max_attempts": 3}],
        "backoff": {"apply_to": "same_model", "base_ms": int(WAIT * 1000), "max_ms": 5000, "jitter": False},
    }
    async with running_gateway(only="PS", policy=policy) as gateway:
        yield gateway


async def hang_up(gateway: Gateway, *, after_calls: int) -> None:
    """Send a request, and hang up as soon as P has had so many calls."""
    request = asyncio.create_task(gateway.chat())
    await eventually(lambda: gateway.p.log.completed == after_calls)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)


async def no_request_in_flight(gateway: Gateway) -> None:
    """Wait until Envoy works on nothing any more, on either listener."""

    async def idle() -> bool:
        active = [await gateway.admin.stat(f"http.{name}.downstream_rq_active") for name in ("edge", "attempt")]
        return sum(active) == 0

    await eventually(idle)


async def test_a_disconnect_during_a_silent_attempt_calls_no_other_provider(gateway: Gateway) -> None:
    """The provider sees its caller go, too."""
    gateway.play(p="silence")

    await hang_up(gateway, after_calls=1)

    await eventually(lambda: gateway.p.log.hangups == 1)
    await no_request_in_flight(gateway)
    assert gateway.order == "P"


async def test_hanging_up_during_a_wait_calls_no_provider(gateway: Gateway) -> None:
    """The wait ends at once: a second request that waits as long and began later proves that the first never called."""
    gateway.play(p="429, 429, 200")

    await hang_up(gateway, after_calls=1)
    began = time.monotonic()
    await no_request_in_flight(gateway)
    assert time.monotonic() - began < WAIT * 0.75

    check_delivered(await gateway.chat(), by="P", target=P, attempts=2)
    assert [call.step for call in gateway.calls] == ["429", "429", "200"]
    assert gateway.order == "PPP"
    first, second, third = gateway.calls
    assert third.arrived - second.arrived >= WAIT
    assert third.arrived - first.arrived >= WAIT
