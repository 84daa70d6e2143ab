"""A hot restart with requests in flight: each gets its response from the process that accepted it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered
from support.gateway.providers import P, S, T
from support.gateway.running import Gateway, running_gateway
from support.http.requests import CHAT, a_body, a_clients_headers
from support.http.streaming import content_of, read_events
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extproc.mock.server import MockProvider

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

MANY = 20


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run three providers; rate limits of the first are waited out, other failures go to the others."""
    policy = {
        "fallback_models": [S, T],
        "on_status_codes": [
            {"codes": [429], "strategy": "same_model", "max_attempts": 2},
            {"codes": [503], "strategy": "different_provider", "max_attempts": 2},
        ],
        "retry_after_handling": {"scope": "model", "apply_to": "request"},
    }
    async with running_gateway(policy=policy) as gateway:
        yield gateway


async def restart_once_called(gateway: Gateway, provider: MockProvider, *, times: int = 1) -> None:
    """Replace Envoy when *provider* has got so many requests."""
    await eventually(lambda: provider.log.begun >= times, within=30)
    await gateway.up.restart()


async def test_a_stream_goes_on_to_its_end(gateway: Gateway) -> None:
    """Its connection stays with the old Envoy, and is closed only afterwards."""
    gateway.play(p="200(sse=12, gap=0.4)")
    body = a_body(stream=True)

    async with gateway.client.stream("POST", CHAT, content=body, headers=a_clients_headers()) as answer:
        restarting = asyncio.create_task(gateway.up.restart())
        events = await read_events(answer)

    await restarting
    assert answer.status_code == 200
    assert events[-1].data == "[DONE]"
    assert content_of(events)
    assert gateway.order == "P"


async def test_a_request_that_waits_makes_its_next_attempt(gateway: Gateway) -> None:
    """The old Envoy keeps the request and its way to the providers."""
    gateway.play(p="429(retry_after=4), 200")

    answer, _ = await asyncio.gather(gateway.chat(P), restart_once_called(gateway, gateway.p))

    check_delivered(answer, by="P", target=P, attempts=2)
    assert gateway.order == "PP"


async def test_requests_whose_first_attempt_fails_afterwards_are_sent_elsewhere(gateway: Gateway) -> None:
    """More than there are connections left inside the old Envoy: it opens new ones there."""
    gateway.play(p="503(delay=4)")

    restarting = asyncio.create_task(restart_once_called(gateway, gateway.p, times=MANY))
    answers = await asyncio.gather(*(gateway.chat(P) for _ in range(MANY)))
    await restarting

    for answer in answers:
        check_delivered(answer, by="S", target=S, attempts=2)
    assert (gateway.p.log.begun, gateway.s.log.begun) == (MANY, MANY)


async def test_a_connection_that_is_kept_moves_to_the_new_envoy(gateway: Gateway) -> None:
    """The old one closes it with its next answer, and is gone when it has closed all."""
    gateway.play()
    await gateway.chat(P)  # the client has a connection now, at least
    await gateway.up.restart()

    answers = [await gateway.chat(P) for _ in range(MANY)]

    assert [answer.status_code for answer in answers] == [200] * MANY
    await eventually(partial(has_one_envoy, gateway), within=60)
    assert answers[-1].headers.get("connection") != "close"


def has_one_envoy(gateway: Gateway) -> bool:
    """Return whether the parent Envoy has exited."""
    return len(gateway.up.envoys) == 1
