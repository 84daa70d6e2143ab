"""The longest silence that is borne, with the defaults."""

from __future__ import annotations

import time

import pytest
from support.gateway.checks import check_delivered
from support.gateway.providers import S
from support.gateway.running import running_gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow, pytest.mark.timeout(180)]


async def test_a_silent_primary_is_replaced_within_35_seconds() -> None:
    """IT-10 as it stands: the policy has no after_ms, so the default of 30 s applies."""
    policy = {"on_timeout": {"strategy": "different_provider", "max_attempts": 2}}
    async with running_gateway(only="PS", policy=policy) as gateway:
        gateway.play(p="silence(120)")
        gateway.client.timeout = 100

        began = time.monotonic()
        response = await gateway.chat()
        took = time.monotonic() - began

        check_delivered(response, by="S", target=S, attempts=2)
        assert 30 <= took < 50
        assert gateway.order == "PS"
