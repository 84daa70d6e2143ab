"""Many failovers at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from support.checks import check_delivered
from support.gateway import running_gateway
from support.providers import S

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

MANY = 200


async def test_200_failovers_at_once_all_succeed_with_two_calls_each() -> None:
    """Envoy's default of three parallel retries must not bite, nor any other cap that nobody has asked for."""
    async with running_gateway(only="PS", policy={}) as gateway:
        gateway.play(p="429(delay=0.2)", s="200(delay=0.2)")

        answers = await asyncio.gather(
            *(gateway.chat(headers={"x-request-id": f"request-{number}"}) for number in range(MANY))
        )

        assert Counter(answer.status_code for answer in answers) == {200: MANY}
        for answer in answers:
            check_delivered(answer, by="S", target=S, attempts=2)
        expected = {f"request-{number}": 1 for number in range(MANY)}
        assert Counter(call.header("x-request-id") for call in gateway.p.calls) == expected
        assert Counter(call.header("x-request-id") for call in gateway.s.calls) == expected


async def test_200_good_requests_at_once_need_one_call_each() -> None:
    async with running_gateway(only="PS", policy={}) as gateway:
        gateway.play(p="200(delay=0.1)")

        answers = await asyncio.gather(*(gateway.chat() for _ in range(MANY)))

        assert Counter(answer.status_code for answer in answers) == {200: MANY}
        assert (len(gateway.p.calls), len(gateway.s.calls)) == (MANY, 0)
