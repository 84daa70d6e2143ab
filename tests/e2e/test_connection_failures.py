"""A provider cannot be reached, breaks off, or says nothing: another one answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio
from support.checks import check_delivered, check_exhausted
from support.gateway import Gateway, running_gateway
from support.providers import P, S, refusing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]

AFTER_MS = 400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncIterator[Gateway]:
    """Run two providers; silence is waited for 400 ms, and candidates are gone round once."""
    policy = {
        "on_timeout": {"strategy": "different_provider", "max_attempts": 2, "after_ms": AFTER_MS},
        "second_round": {"rounds": 1},
    }
    async with running_gateway(only="PS", policy=policy) as gateway:
        yield gateway


@pytest.mark.parametrize("step", ["reset", "close", "reset_mid_headers(gap=0.01)"])
async def test_a_provider_that_breaks_off_before_its_answer_is_replaced(gateway: Gateway, step: str) -> None:
    gateway.play(p=step)

    response = await gateway.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert gateway.order == "PS"


async def test_a_provider_that_refuses_connections_is_replaced(gateway: Gateway) -> None:
    gateway.play()
    async with refusing(gateway.p):
        response = await gateway.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert gateway.order == "S"


async def test_a_provider_that_comes_back_is_used_again(gateway: Gateway) -> None:
    """A refused connection is held against nobody beyond its request."""
    gateway.play()
    async with refusing(gateway.p):
        await gateway.chat()

    response = await gateway.chat()

    check_delivered(response, by="P", target=P, attempts=1)


async def test_a_silent_provider_is_replaced_when_its_time_is_up(gateway: Gateway) -> None:
    gateway.play(p="silence")

    began = time.monotonic()
    response = await gateway.chat()
    took = time.monotonic() - began

    check_delivered(response, by="S", target=S, attempts=2)
    assert AFTER_MS / 1000 <= took < AFTER_MS / 1000 + 1
    assert gateway.order == "PS"


async def test_the_last_candidate_gets_all_the_time_it_needs(gateway: Gateway) -> None:
    """The limit is there to reach somebody else; where nobody is left, waiting is better than failing."""
    gateway.play(p="silence", s="200(delay=1.2)")

    response = await gateway.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert gateway.order == "PS"


async def test_broken_connections_are_told_as_such(gateway: Gateway) -> None:
    """502 stands for a provider that could not be reached, whatever Envoy's own reply would have been."""
    gateway.play(p="reset", s="close")

    response = await gateway.chat()

    check_exhausted(response, status=502, attempts=[(P, "connection_error"), (S, "connection_error")])
    assert gateway.order == "PS"


async def test_timeouts_are_told_with_their_limit(gateway: Gateway) -> None:
    gateway.play(p="silence", s="429")

    response = await gateway.chat()

    check_exhausted(response, status=429, attempts=[(P, f"timeout_{AFTER_MS}ms"), (S, "http_429")])
    assert gateway.order == "PS"


async def test_an_answer_that_breaks_in_its_middle_is_not_tried_again(gateway: Gateway) -> None:
    """What the client has begun to read cannot be taken back; it sees that the answer is torn."""
    gateway.play(p="reset_mid_body")

    with pytest.raises(httpx.RemoteProtocolError):
        await gateway.chat()

    assert gateway.order == "P"
