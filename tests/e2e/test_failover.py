"""A provider fails, another one answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.checks import check_answer, check_delivered, check_exhausted, check_sent
from support.credentials import P_KEY, S_KEY, T_KEY
from support.gateway import Gateway, running_gateway
from support.providers import P, S, T
from support.requests import a_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two() -> AsyncIterator[Gateway]:
    """Run a primary and a second provider; 429 goes to a different provider, twice at most."""
    policy = {"on_status_codes": [{"codes": [429], "strategy": "different_provider", "max_attempts": 2}]}
    async with running_gateway(only="PS", policy=policy) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three() -> AsyncIterator[Gateway]:
    """Run three providers, the second and the third named as fallbacks, in that order."""
    policy = {"fallback_models": [S, T]}
    async with running_gateway(policy=policy) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_retry() -> AsyncIterator[Gateway]:
    """Run three providers, and allow one retry at the most."""
    policy = {"fallback_models": [S, T], "default_max_attempts": 1}
    async with running_gateway(policy=policy) as gateway:
        yield gateway


async def test_a_rate_limit_at_the_primary_is_answered_by_the_second(two: Gateway) -> None:
    """IT-1: both are called once, each with its own model name and key; the client sees the second's answer."""
    two.play(p="429")

    response = await two.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert response.json()["choices"][0]["message"]["content"] == "Hello from S."
    assert two.order == "PS"
    check_sent(two.p.calls[0], key=P_KEY)
    check_sent(two.s.calls[0], key=S_KEY)
    assert [call.model for call in two.calls] == ["gpt-4o", "claude-3-5-sonnet"]


async def test_an_overloaded_primary_is_answered_by_the_second(two: Gateway) -> None:
    """IT-2: 503 is in no rule; the default is another provider."""
    two.play(p="503")

    response = await two.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert two.order == "PS"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 529, 599])
async def test_every_status_that_may_be_tried_again_is(two: Gateway, status: int) -> None:
    two.play(p=str(status))

    response = await two.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert two.order == "PS"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 422])
async def test_a_clients_mistake_is_not_sent_to_another_vendor(two: Gateway, status: int) -> None:
    """The provider's own answer is delivered: status, headers and every byte of the body."""
    two.play(p=f'{status}(headers={{"x-reason": "yours"}}, body="{{\\"error\\": \\"no\\"}}")')

    response = await two.chat()

    assert (response.status_code, response.content) == (status, b'{"error": "no"}')
    assert response.headers["x-reason"] == "yours"
    assert two.order == "P"
    check_answer(response)


async def test_a_good_answer_is_delivered_without_a_second_call(two: Gateway) -> None:
    two.play()

    response = await two.chat()

    check_delivered(response, by="P", target=P, attempts=1)
    assert two.order == "P"


async def test_when_both_are_rate_limited_the_client_is_told_what_was_tried(two: Gateway) -> None:
    """IT-3."""
    two.play(p="429", s="429")

    response = await two.chat()

    error = check_exhausted(response, status=429, attempts=[(P, "http_429"), (S, "http_429")])
    assert error["retry_budget_exhausted"] is False
    assert two.order == "PS"


async def test_one_retry_means_one_retry(one_retry: Gateway) -> None:
    """IT-5: the third provider would have answered, but nobody asks it."""
    one_retry.play(p="429", s="429")

    response = await one_retry.chat()

    check_exhausted(response, status=429, attempts=[(P, "http_429"), (S, "http_429")])
    assert one_retry.order == "PS"


async def test_fallbacks_are_tried_in_their_order(three: Gateway) -> None:
    """IT-7."""
    three.play(p="429", s="429")

    response = await three.chat()

    check_delivered(response, by="T", target=T, attempts=3)
    assert three.order == "PST"
    for call, key in zip(three.calls, (P_KEY, S_KEY, T_KEY), strict=True):
        check_sent(call, key=key)


async def test_the_last_failure_gives_the_status(three: Gateway) -> None:
    three.play(p="429", s="503", t="500")

    response = await three.chat()

    check_exhausted(response, status=500, attempts=[(P, "http_429"), (S, "http_503"), (T, "http_500")])
    assert three.order == "PST"


async def test_a_failover_is_immediate(three: Gateway) -> None:
    """Without back-off, two failures cost next to nothing."""
    three.play(p="429", s="503")
    await three.chat()  # connections are open and warm after this
    three.play(p="429", s="503")

    began = time.monotonic()
    response = await three.chat()

    assert response.status_code == 200
    assert time.monotonic() - began < 0.5


async def test_requests_do_not_learn_from_each_other_where_nothing_was_asked(three: Gateway) -> None:
    """A 429 without Retry-After blocks nobody: the next request begins with its primary again."""
    three.play(p="429")

    answers = [await three.chat() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert three.order == "PSPSPS"


async def test_a_request_for_the_second_goes_to_the_second(three: Gateway) -> None:
    """The policy is the primary's: the second has none, so its failure is delivered."""
    three.play(s="429")

    response = await three.chat(S)

    assert response.status_code == 429
    assert three.order == "S"
    check_answer(response)


async def test_providers_that_ask_not_to_be_tried_again_are_obeyed(three: Gateway) -> None:
    """`x-should-retry` overrides the default class of a status, both ways."""
    three.play(p='503(headers={"x-should-retry": "false"})')
    refused = await three.chat()
    refused_order = three.order
    three.play(p='400(headers={"x-should-retry": "true"})')
    wished = await three.chat()

    assert (refused.status_code, refused_order) == (503, "P")
    check_delivered(wished, by="S", target=S, attempts=2)
    assert three.order == "PS"


async def test_the_routing_header_is_never_missing() -> None:
    """Exploration: the primary fails, and the next attempt is routed like the first, with choices as the result."""
    models = [P.replace("gpt-4o", "gpt-4"), S]
    async with running_gateway(
        models=lambda providers: [
            {"model": models[0], "base_url": providers.p.url, "access_key": P_KEY, "retry_policy": {}},
            {"model": models[1], "base_url": providers.s.url, "access_key": S_KEY},
        ]
    ) as gateway:
        gateway.play(p="429")

        response = await gateway.client.post("/v1/chat/completions", content=a_body(models[0]))

        assert response.status_code == 200, response.text
        assert "routing header" not in response.text
        assert response.json()["choices"]
        assert gateway.order == "PS"
