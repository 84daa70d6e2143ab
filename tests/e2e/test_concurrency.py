"""Many requests at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support.gateway.checks import check_delivered
from support.gateway.providers import P, S

if TYPE_CHECKING:
    from support.gateway.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

MANY = 200


async def test_200_failovers_at_once_all_succeed_with_two_calls_each(pair: Gateway) -> None:
    """Envoy's default of three parallel retries must not bite, nor any other cap that nobody has asked for."""
    pair.play(p="429(delay=0.2)", s="200(delay=0.2)")

    answers = await asyncio.gather(
        *(pair.chat(headers={"x-request-id": f"request-{number}"}) for number in range(MANY))
    )

    assert Counter(answer.status_code for answer in answers) == {200: MANY}
    for answer in answers:
        check_delivered(answer, by="S", target=S, attempts=2)
    expected = {f"request-{number}": 1 for number in range(MANY)}
    assert Counter(call.header("x-request-id") for call in pair.p.calls) == expected
    assert Counter(call.header("x-request-id") for call in pair.s.calls) == expected


async def test_200_good_requests_at_once_need_one_call_each(pair: Gateway) -> None:
    pair.play(p="200(delay=0.1)")

    answers = await asyncio.gather(*(pair.chat() for _ in range(MANY)))

    for answer in answers:
        check_delivered(answer, by="P", target=P, attempts=1)
    assert (len(pair.p.calls), len(pair.s.calls)) == (MANY, 0)
