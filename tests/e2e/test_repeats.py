"""What everybody has just failed is not sent to everybody again, however often the client asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_answer, check_delivered, check_exhausted
from support.gateway.credentials import P_KEY, S_KEY
from support.gateway.providers import P, S, a_model
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

POLICY = {"fallback_models": [S], "default_max_attempts": 1}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run two providers; one model of the first has no policy, and one has a policy that sends everything."""
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, retry_policy=POLICY),
            a_model("openai/bare", providers.p, P_KEY),
            a_model("openai/looping", providers.p, P_KEY, retry_policy={**POLICY, "repeat_window_ms": 250}),
            a_model("openai/always", providers.p, P_KEY, retry_policy={**POLICY, "repeat_window_ms": 0}),
            a_model(S, providers.s, S_KEY),
        ]
    ) as gateway:
        yield gateway


async def test_thirty_requests_for_one_prompt_call_the_providers_for_one(gateway: Gateway) -> None:
    """Clients retry in layers, and not every one obeys `x-should-retry`."""
    gateway.play(p="503", s="503")

    first = await gateway.chat(user="codex")
    others = [await gateway.chat(user="codex") for _ in range(29)]

    check_exhausted(first, status=503, attempts=[(P, "http_503"), (S, "http_503")])
    for other in others:
        error = check_exhausted(other, status=503, attempts=[], retry_after=range(1, 3))
        assert "no model was called again. openai/gpt-4o returned HTTP 503" in str(error["message"])
    assert gateway.order == "PS"


async def test_any_other_request_is_sent(gateway: Gateway) -> None:
    gateway.play(p="503, 200", s="503")

    await gateway.chat(user="one")
    another = await gateway.chat(user="another")

    check_delivered(another, by="P", target=P, attempts=1)


async def test_a_client_that_respects_retry_after_is_served(gateway: Gateway) -> None:
    gateway.play(p="503, 200", s="503")

    first = await gateway.chat(user="patient")
    await asyncio.sleep(int(first.headers["retry-after"]))  # what is tested is that this is long enough
    second = await gateway.chat(user="patient")

    assert first.headers["retry-after"] == "2"
    check_delivered(second, by="P", target=P, attempts=1)


async def test_a_client_that_comes_again_and_again_is_let_through_less_often_each_time(gateway: Gateway) -> None:
    """Thirty requests, each after the time that it is told to wait; and at once when a target serves others again."""
    gateway.play(p="503", s="503")

    for _ in range(30):
        response = await gateway.chat("openai/looping", user="codex")
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        await asyncio.sleep(0.25)  # the client's own pace

    rounds = gateway.order.count("P")
    assert 3 < rounds <= 8
    assert gateway.order == "PS" * rounds
    gateway.play()
    check_delivered(await gateway.chat("openai/looping", user="other"), by="P", target="openai/looping", attempts=1)
    check_delivered(await gateway.chat("openai/looping", user="codex"), by="P", target="openai/looping", attempts=1)


async def test_without_a_policy_everything_is_sent(gateway: Gateway) -> None:
    """And what comes back is the provider's own answer."""
    gateway.play(p="503, 503, 200")

    answers = [await gateway.chat("openai/bare", user="same") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    for answer in answers:
        check_answer(answer)


async def test_it_can_be_switched_off(gateway: Gateway) -> None:
    gateway.play(p="503, 200", s="503")

    first = await gateway.chat("openai/always", user="same")
    second = await gateway.chat("openai/always", user="same")

    check_exhausted(
        first, status=503, attempts=[("openai/always", "http_503"), (S, "http_503")], retry_after=range(1, 2)
    )
    check_delivered(second, by="P", target="openai/always", attempts=1)
