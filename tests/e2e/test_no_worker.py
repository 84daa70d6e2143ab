"""What becomes of requests while not one worker is left: first they wait, then they are refused."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered, check_openai_error
from support.gateway.providers import P
from support.gateway.running import running_gateway
from support.gateway.workers import no_worker
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.gateway.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

TRACEBACK = "Traceback (most recent call last)"
BIG = "x" * 1_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a gateway with two workers that a test may do without."""
    policy = {"on_status_codes": [{"codes": [429], "strategy": "same_model", "max_attempts": 1}]}
    async with running_gateway(policy=policy, sidecar={"workers": 2}, trouble=[TRACEBACK]) as gateway:
        yield gateway
        await eventually(lambda: len(gateway.up.workers) == 2)


async def test_without_a_worker_requests_are_refused_within_seconds(gateway: Gateway) -> None:
    """In the shape that SDKs know, with when to come again; nobody is called without a policy."""
    gateway.play()
    with no_worker(gateway.up):
        began = time.monotonic()
        answers = await asyncio.gather(gateway.chat(), gateway.chat(stream=True), gateway.chat(padding=BIG))
        took = time.monotonic() - began

        for answer in answers:
            error = check_openai_error(answer, status=503)
            assert (error["type"], error["code"]) == ("server_error", "policy_unavailable")
            assert answer.headers["retry-after"] == "1"
        assert 4.5 <= took < 20  # at most 5 s, were the machine not busy with other things
        assert gateway.order == ""
        assert (await gateway.client.get("/healthz")).status_code == 503


async def test_a_request_outlives_a_moment_without_workers(gateway: Gateway) -> None:
    """Its client never knows; the provider is called once."""
    gateway.play()
    with no_worker(gateway.up):
        requests = asyncio.gather(*(gateway.chat(padding=BIG if one == 0 else "") for one in range(5)))
        await asyncio.sleep(1)  # how long there is no worker
    for answer in await requests:
        check_delivered(answer, by="P", target=P, attempts=1)
    assert gateway.order == "PPPPP"


async def test_a_response_in_flight_outlives_all_workers(gateway: Gateway) -> None:
    """The provider was generating while they died: that is delivered, not asked for again."""
    gateway.play(p="200(delay=0.7)")
    request = asyncio.create_task(gateway.chat())
    await eventually(lambda: gateway.p.log.completed == 1)
    with no_worker(gateway.up):
        answer = await request

    assert (answer.status_code, answer.json()["id"]) == (200, "chatcmpl-P-1")
    assert gateway.order == "P"


async def test_a_redirect_that_nobody_sees_leads_nowhere(gateway: Gateway) -> None:
    """It is unprocessed, so it is delivered; but no client can follow it with its prompt."""
    gateway.play(p='307(delay=0.7, headers={"location": "https://elsewhere.test"})')
    request = asyncio.create_task(gateway.chat())
    await eventually(lambda: gateway.p.log.completed == 1)
    with no_worker(gateway.up):
        answer = await request

    assert answer.status_code == 307
    assert "location" not in answer.headers
    assert gateway.order == "P"


async def test_a_wait_outlives_the_worker_that_holds_it(gateway: Gateway) -> None:
    """Whoever takes it on waits what is left, not all of it again."""
    wait = 6.0
    gateway.play(p=f"429(retry_after={wait:.0f}), 200")
    began = time.monotonic()
    request = asyncio.create_task(gateway.chat())
    await eventually(lambda: len(gateway.calls) == 1)
    await asyncio.sleep(wait / 2)  # in the middle of the wait
    before = gateway.up.workers
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    assert (await request).status_code == 200
    assert len(before) == 2
    assert wait <= time.monotonic() - began < 1.5 * wait
    assert gateway.order == "PP"
