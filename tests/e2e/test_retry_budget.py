"""A limit on how many requests may fail over at once, for those who ask for one."""

from __future__ import annotations

import asyncio

import pytest
from support.gateway.checks import check_delivered, check_openai_error
from support.gateway.providers import S
from support.gateway.running import running_gateway
from support.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


async def test_a_retry_budget_limits_how_many_fail_over_at_once() -> None:
    """The request that is one too many is refused at once and in so many words; the next one is free to move again."""
    budget = {"percent": 1, "min_concurrency": 1}
    async with running_gateway(only="PS", policy={}, envoy={"retry_budget": budget}) as gateway:
        gateway.play(p="503", s="200(delay=1.5), 200")

        moving = asyncio.create_task(gateway.chat())
        await eventually(lambda: gateway.s.log.begun == 1)
        refused = await gateway.chat()
        was_under_way = not moving.done()
        moved = await moving
        after = await gateway.chat()

        assert was_under_way
        assert check_openai_error(refused, status=503)["type"] == "retry_exhausted"
        check_delivered(moved, by="S", target=S, attempts=2)
        check_delivered(after, by="S", target=S, attempts=2)
        assert gateway.order == "PSPPS"
        assert await gateway.admin.stat("cluster.attempt.upstream_rq_retry_overflow") == 1
