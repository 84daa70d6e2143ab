"""A 429 that is for good: only its body says so."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered
from support.gateway.providers import P, S
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

USED_UP = json.dumps({"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a primary and a secondary, with a policy of defaults otherwise."""
    async with running_gateway(policy={"fallback_models": [S]}) as gateway:
        yield gateway


async def test_a_used_up_quota_is_not_asked_again(gateway: Gateway) -> None:
    """No Retry-After was said, yet the next request does not call that provider at all."""
    gateway.play(p=f"429(body={json.dumps(USED_UP)})", s="200")

    first = await gateway.chat()
    second = await gateway.chat()

    check_delivered(first, by="S", target=S, attempts=2)
    check_delivered(second, by="S", target=S, attempts=1)


GEMINI = {
    "code": 429,
    "message": "You exceeded your current quota. Please retry in 2.074824224s.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.074824224s"}],
}


@pytest.mark.parametrize("body", [{"error": GEMINI}, [{"error": GEMINI}]], ids=["object", "list"])
async def test_googles_wait_is_obeyed(body: object) -> None:
    """It stands in the body alone: whoever has nobody else to ask waits as long, and is answered."""
    policy = {"on_status_codes": [{"codes": [429], "strategy": "same_model", "max_attempts": 1}]}
    async with running_gateway(only="P", policy=policy) as gateway:
        gateway.play(p=f"429(body={json.dumps(json.dumps(body))}), 200")

        began = time.monotonic()
        response = await gateway.chat()
        took = time.monotonic() - began

    check_delivered(response, by="P", target=P, attempts=2)
    assert 2.07 <= took < 10
