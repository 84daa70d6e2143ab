"""Workers that hang: their connections stay open and say nothing, and no client waits for them for long."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered
from support.gateway.providers import P, S
from support.gateway.running import running_gateway
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.gateway.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

SOON = 3.0
"""Seconds within which a request must have its answer; two, were the machine not busy with other things."""


TRACEBACK = "Traceback (most recent call last)"
"""What must not be written; Envoy tells of every stream that a killed worker has left."""


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=[1, 2], ids=["one worker", "two workers"])
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    """Run a gateway all of whose workers a test may stop; the second provider is a fallback of the first."""
    workers: int = request.param
    async with running_gateway(only="PS", policy={}, sidecar={"workers": workers}, trouble=[TRACEBACK]) as gateway:
        yield gateway


def stop_all(gateway: Gateway) -> list[int]:
    """Have all workers hang; return their process ids."""
    hung = gateway.up.workers
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    return hung


async def check_replaced(gateway: Gateway, hung: list[int]) -> None:
    """Check that others are there instead of those that *hung*."""
    await eventually(lambda: len({*gateway.up.workers} - {*hung}) == len(hung), what="other workers")
    await eventually(lambda: not {*gateway.up.workers} & {*hung}, what="end of those that hung")
    assert "worker_hung" in gateway.up.output


async def test_new_requests_are_served_by_replacements(gateway: Gateway) -> None:
    """A socket still takes connections whose process is stopped: nobody would be told otherwise."""
    gateway.play()
    hung = stop_all(gateway)

    began = time.monotonic()
    responses = await asyncio.gather(*(gateway.chat() for _ in range(6)))
    took = time.monotonic() - began

    for response in responses:
        check_delivered(response, by="P", target=P, attempts=1)
    assert gateway.order == "P" * 6
    assert took < SOON
    await check_replaced(gateway, hung)


async def test_what_is_under_way_fails_over_without_a_further_call(gateway: Gateway) -> None:
    """The provider's error comes while nobody is there to look at it: its successor goes on from there."""
    gateway.play(p="503(delay=0.5)")
    request = asyncio.create_task(gateway.chat())
    await eventually(lambda: bool(gateway.p.calls), what="a call")
    hung = stop_all(gateway)

    began = time.monotonic()
    response = await request

    check_delivered(response, by="S", target=S, attempts=2)
    assert gateway.order == "PS"
    assert time.monotonic() - began < SOON
    await check_replaced(gateway, hung)
