"""A response that breaks off before it was decided on is a failed attempt like any other: no policy is exceeded.

Neither the sidecar nor the client has a whole response then. What is known of it (its status, or that the connection
broke) is charged to the attempt, and the policy's next step follows.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio
from support.gateway.checks import check_answer, check_delivered, check_exhausted
from support.gateway.providers import P, S, T
from support.gateway.running import Gateway, running_gateway
from support.waiting import eventually

from extproc import names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

CUT = {"status": 429, "body": "x" * 61, "sent": 52, "gap": 0}
SOON = 5.0
"""Seconds within which a failover must have happened that has nothing to wait for."""


def cut(action: str = "close_mid_body", **options: object) -> str:
    """Return the step of a provider whose response breaks off."""
    return f"{action}({', '.join(f'{name}={json.dumps(value)}' for name, value in {**CUT, **options}.items())})"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stubborn() -> AsyncIterator[Gateway]:
    """Run a gateway that asks the same model again, four times in all and not for longer than two seconds."""
    policy = {
        "default_strategy": "same_model",
        "default_max_attempts": 9,
        "max_total_attempts": 4,
        "max_retry_duration_ms": 2_000,
    }
    async with running_gateway(only="P", policy=policy) as gateway:
        yield gateway


@pytest.mark.parametrize("action", ["close_mid_body", "reset_mid_body"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gap": 0.05},
        {"sent": 0},
        {"chunked": True},
        {"status": 503},
        {"status": 503, "sent": 0},
        {"status": 500},
        {"status": 500, "chunked": True, "sent": 0},
    ],
    ids=str,
)
async def test_an_error_that_breaks_off_costs_one_call(pair: Gateway, action: str, options: dict[str, object]) -> None:
    """Its status was in its headers: the fallback is asked at once."""
    pair.play(p=cut(action, **options))

    began = time.monotonic()
    response = await pair.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert pair.order == "PS"
    assert time.monotonic() - began < SOON


async def test_ten_clients_at_once_cost_twenty_calls(pair: Gateway) -> None:
    pair.play(p=cut())

    responses = await asyncio.gather(*(pair.chat() for _ in range(10)))

    assert [response.status_code for response in responses] == [200] * 10
    assert (len(pair.p.calls), len(pair.s.calls)) == (10, 10)


@pytest.mark.parametrize("framing", ["", ", chunked=true"])
async def test_a_head_request_has_no_body_to_wait_for(pair: Gateway, framing: str) -> None:
    """RFC 9110 section 9.3.2: whatever its content-length says."""
    pair.play(p=f'429(body="{"x" * 61}"{framing})')

    began = time.monotonic()
    response = await pair.client.head("/v1/chat/completions", headers={names.HINT: P})

    assert (response.status_code, pair.order) == (429, "P")
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("sent", [0, 52])
async def test_without_a_policy_it_is_one_call(plain: Gateway, status: int, sent: int) -> None:
    """The client gets what there is: the status, or half of the body if that was on its way already."""
    plain.play(p=cut(status=status, sent=sent))

    for _ in range(2):
        try:
            response = await plain.chat()
        except httpx.RemoteProtocolError:
            continue
        assert response.status_code == status
        check_answer(response)

    assert plain.order == "PP"


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("options", [{}, {"sent": 0}, {"gap": 0.05}], ids=str)
async def test_a_clients_mistake_that_breaks_off_stays_the_clients(
    pair: Gateway, status: int, options: dict[str, object]
) -> None:
    """The client would repeat a 502, and have the provider asked again for what it refuses."""
    pair.play(p=cut("close_mid_body", status=status, **options))

    try:
        response = await pair.chat()
    except httpx.RemoteProtocolError:  # its headers were on their way already: nobody reads a 422's body first
        assert status == 422
    else:
        assert response.status_code == status
        check_answer(response)
        assert f"HTTP status {status}" in response.text
        assert response.headers[names.ATTEMPTS] == "1"
    assert pair.order == "P"


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("options", [{}, {"gap": 0.05}, {"gap": 0.6}], ids=str)
async def test_what_a_fallback_refuses_is_asked_of_the_next_though_it_breaks_off(
    trio: Gateway, status: int, options: dict[str, object]
) -> None:
    """As when it comes whole: the request did not name that target."""
    trio.play(p="503", s=cut("close_mid_body", status=status, **options))

    response = await trio.chat()

    check_delivered(response, by="T", target=T, attempts=3)
    assert trio.order == "PST"


async def test_with_no_target_left_the_primarys_failure_is_returned(pair: Gateway) -> None:
    """It may have passed meanwhile; the fallback's refusal will not."""
    pair.play(p="503", s=cut("close_mid_body", status=404))

    response = await pair.chat()

    check_exhausted(response, status=503, attempts=[(P, "http_503"), (S, "http_404"), (P, "http_503")])
    assert pair.order == "PSP"


async def test_a_good_response_that_breaks_off_at_once_is_retried_with_the_next_target(pair: Gateway) -> None:
    """Unless the client has been sent its headers: then it sees that it is broken, and never an error of ours."""
    pair.play(p=f"{cut(status=200, sent=0)}")

    for calls in range(1, 11):
        try:
            response = await pair.chat()
        except httpx.RemoteProtocolError:
            continue
        finally:
            assert len(pair.p.calls) == calls
        check_delivered(response, by="S", target=S, attempts=2)


async def test_the_limit_over_all_attempts_holds(stubborn: Gateway) -> None:
    stubborn.play(p=cut())

    response = await stubborn.chat()

    check_exhausted(response, status=429, attempts=[(P, "http_429")] * 4)
    assert stubborn.order == "PPPP"


async def test_a_wait_that_was_asked_for_holds(stubborn: Gateway) -> None:
    """The broken response has said when to come back, and that is too late for a third call."""
    stubborn.play(p=cut(retry_after=1.1, gap=0.05))

    began = time.monotonic()
    response = await stubborn.chat()
    took = time.monotonic() - began

    error = check_exhausted(response, status=429, attempts=[(P, "http_429")] * 2, retry_after=range(1, 3))
    assert error["retry_budget_exhausted"] is True
    assert stubborn.order == "PP"
    assert took >= 1.1


async def test_the_log_reports_what_the_attempt_before_was_charged_as(pair: Gateway) -> None:
    pair.play(p=cut(gap=0.05))
    written = len(pair.up.output)

    await pair.chat()

    await eventually(lambda: "result=undecided" in pair.up.output[written:])
    await eventually(lambda: 'previous_outcome="http_429 (' in pair.up.output[written:])
