"""A provider cannot be reached, breaks off, or says nothing: another one answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest
from support.gateway.checks import check_delivered, check_exhausted
from support.gateway.providers import EARLY, IMPATIENCE_MS, P, S, refusing

if TYPE_CHECKING:
    from support.gateway.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


@pytest.mark.parametrize("step", ["reset", "close", "reset_mid_headers(gap=0.01)"])
async def test_a_provider_that_breaks_off_before_its_response_is_replaced(impatient: Gateway, step: str) -> None:
    impatient.play(p=step)

    response = await impatient.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert impatient.order == "PS"


async def test_a_provider_that_refuses_connections_is_replaced(impatient: Gateway) -> None:
    impatient.play()
    async with refusing(impatient.p):
        response = await impatient.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert impatient.order == "S"


async def test_a_provider_that_comes_back_is_used_again(impatient: Gateway) -> None:
    """A refused connection is held against nobody beyond its request."""
    impatient.play()
    async with refusing(impatient.p):
        await impatient.chat()

    response = await impatient.chat()

    check_delivered(response, by="P", target=P, attempts=1)


async def test_a_silent_provider_is_replaced_when_its_time_is_up(impatient: Gateway) -> None:
    impatient.play(p="silence")

    began = time.monotonic()
    response = await impatient.chat()
    took = time.monotonic() - began

    check_delivered(response, by="S", target=S, attempts=2)
    assert IMPATIENCE_MS / 1000 - EARLY <= took < 15  # by default it would be 30 s
    assert impatient.order == "PS"


async def test_the_last_candidate_gets_all_the_time_it_needs(impatient: Gateway) -> None:
    """The limit is there to reach somebody else; where nobody is left, waiting is better than failing."""
    impatient.play(p="silence", s="200(delay=1.2)")

    response = await impatient.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert impatient.order == "PS"


async def test_broken_connections_are_reported_as_such(impatient: Gateway) -> None:
    """502 stands for a provider that could not be reached, whatever Envoy's own reply would have been."""
    impatient.play(p="reset", s="close")

    response = await impatient.chat()

    check_exhausted(response, status=502, attempts=[(P, "connection_error"), (S, "connection_error")])
    assert impatient.order == "PS"


async def test_timeouts_are_reported_with_their_limit(impatient: Gateway) -> None:
    impatient.play(p="silence", s="429")

    response = await impatient.chat()

    check_exhausted(response, status=429, attempts=[(P, f"timeout_{IMPATIENCE_MS}ms"), (S, "http_429")])
    assert impatient.order == "PS"


async def test_a_response_that_breaks_in_its_middle_is_not_tried_again(impatient: Gateway) -> None:
    """What the client has begun to read cannot be taken back; it sees that the answer is torn."""
    impatient.play(p="reset_mid_body")

    with pytest.raises(httpx.RemoteProtocolError):
        await impatient.chat()

    assert impatient.order == "P"
