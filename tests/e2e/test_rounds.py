"""When everyone failed for a moment, once more from the beginning."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_answer, check_delivered, check_exhausted
from support.gateway.providers import P, S
from support.gateway.running import Gateway, running_gateway
from support.http.requests import CHAT
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

ROUND = 0.5


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def single() -> AsyncIterator[Gateway]:
    """Run one provider, with all defaults."""
    async with running_gateway(only="P", policy={}) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two() -> AsyncIterator[Gateway]:
    """Run two providers, with enough attempts for two rounds."""
    async with running_gateway(only="PS", policy={"default_max_attempts": 5}) as gateway:
        yield gateway


async def test_a_single_provider_that_fails_for_a_moment_is_asked_again(single: Gateway) -> None:
    """Transient: after one round of 500 ms the second call succeeds."""
    single.play(p="503, 200")

    response = await single.chat()

    check_delivered(response, by="P", target=P, attempts=2)
    assert single.order == "PP"
    first, second = single.calls
    assert ROUND <= second.arrived - first.arrived < ROUND + 3


async def test_a_single_provider_that_refuses_for_a_moment_is_asked_again(single: Gateway) -> None:
    """It begins to listen as soon as Envoy has been refused once; the request arrives half a second later."""
    single.play()
    (cluster,) = (await single.admin.requests_by_port())[single.p.port]
    stat = f"cluster.{cluster}.upstream_cx_connect_fail"
    before = await single.admin.stat(stat)

    async def refused() -> bool:
        return await single.admin.stat(stat) > before

    await single.p.refuse()
    try:
        request = asyncio.create_task(single.chat())
        began = time.monotonic()
        await eventually(refused)
    finally:
        await single.p.listen()
    response = await request

    check_delivered(response, by="P", target=P, attempts=2)
    assert single.order == "P"
    assert ROUND * 0.9 <= single.p.calls[0].arrived - began < ROUND + 3


async def test_two_rounds_are_all(single: Gateway) -> None:
    single.play(p="503")

    response = await single.chat()

    check_exhausted(response, status=503, attempts=[(P, "http_503")] * 2)
    assert single.order == "PP"


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_clients_mistake_gets_no_second_round(single: Gateway, status: int) -> None:
    single.play(p=str(status))

    response = await single.chat()

    assert response.status_code == status
    assert single.order == "P"
    check_answer(response)


async def test_a_body_that_cannot_be_read_gets_no_round_at_all(single: Gateway) -> None:
    single.play()

    response = await single.client.post(CHAT, content=b"{", headers={"content-type": "application/json"})

    assert response.status_code == 400
    assert single.order == ""


async def test_a_rate_limit_gets_no_second_round(single: Gateway) -> None:
    """A round helps against a hiccup; a rate limit has said that it will last."""
    single.play(p="429")

    response = await single.chat()

    check_exhausted(response, status=429, attempts=[(P, "http_429")])
    assert single.order == "P"


async def test_a_round_begins_with_the_primary(two: Gateway) -> None:
    two.play(p="503, 503", s="reset, 200")

    response = await two.chat()

    check_delivered(response, by="S", target=S, attempts=4)
    assert two.order == "PSPS"
    calls = two.calls
    assert calls[1].arrived - calls[0].arrived < ROUND
    assert calls[2].arrived - calls[1].arrived >= ROUND
    assert calls[3].arrived - calls[2].arrived < ROUND


async def test_rounds_can_be_switched_off(impatient: Gateway) -> None:
    impatient.play(p="503", s="503")

    response = await impatient.chat()

    check_exhausted(response, status=503, attempts=[(P, "http_503"), (S, "http_503")])
    assert impatient.order == "PS"
