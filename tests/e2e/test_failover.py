"""A provider fails, another one answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_answer, check_delivered, check_exhausted, check_sent
from support.gateway.credentials import P_KEY, S_KEY, T_KEY
from support.gateway.providers import P, S, T, a_model
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def others() -> AsyncIterator[Gateway]:
    """Run three providers; P's policy allows one retry, and there is a second model with all defaults."""
    fallbacks = {"fallback_models": [S, T]}
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, retry_policy={**fallbacks, "default_max_attempts": 1}),
            a_model("openai/gpt-4", providers.p, P_KEY, retry_policy=fallbacks),
            a_model(S, providers.s, S_KEY),
            a_model(T, providers.t, T_KEY),
        ]
    ) as gateway:
        yield gateway


async def test_a_rate_limit_at_the_primary_is_served_by_the_second(pair: Gateway) -> None:
    """IT-1: both are called once, each with its own model name and key; the client sees the second's answer."""
    pair.play(p="429")

    response = await pair.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert response.json()["choices"][0]["message"]["content"] == "Hello from S."
    assert pair.order == "PS"
    check_sent(pair.p.calls[0], key=P_KEY)
    check_sent(pair.s.calls[0], key=S_KEY)
    assert [call.model for call in pair.calls] == ["gpt-4o", "claude-3-5-sonnet"]


async def test_an_overloaded_primary_is_served_by_the_second(pair: Gateway) -> None:
    """IT-2: 503 is in no rule; the default is another provider."""
    pair.play(p="503")

    response = await pair.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert pair.order == "PS"


@pytest.mark.parametrize("status", [408, 424, 425, 429, 498, 500, 502, 503, 504, 520, 529, 599])
async def test_every_status_that_may_be_tried_again_is(pair: Gateway, status: int) -> None:
    pair.play(p=str(status))

    response = await pair.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert pair.order == "PS"


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
async def test_a_clients_mistake_is_not_sent_to_another_vendor(pair: Gateway, status: int) -> None:
    """The provider's own answer is delivered: status, headers and every byte of the body."""
    pair.play(p=f'{status}(headers={{"x-reason": "yours"}}, body="{{\\"error\\": \\"no\\"}}")')

    response = await pair.chat()

    assert (response.status_code, response.content) == (status, b'{"error": "no"}')
    assert response.headers["x-reason"] == "yours"
    assert pair.order == "P"
    check_answer(response)


async def test_a_good_response_is_delivered_without_a_second_call(pair: Gateway) -> None:
    pair.play()

    response = await pair.chat()

    check_delivered(response, by="P", target=P, attempts=1)
    assert pair.order == "P"


async def test_when_both_are_rate_limited_the_error_lists_the_attempts(pair: Gateway) -> None:
    """IT-3."""
    pair.play(p="429", s="429")

    response = await pair.chat()

    error = check_exhausted(response, status=429, attempts=[(P, "http_429"), (S, "http_429")])
    assert error["retry_budget_exhausted"] is False
    assert pair.order == "PS"


async def test_others_means_others(others: Gateway) -> None:
    """IT-5: the third provider would have answered, but nobody asks it."""
    others.play(p="429", s="429")

    response = await others.chat()

    check_exhausted(response, status=429, attempts=[(P, "http_429"), (S, "http_429")])
    assert others.order == "PS"


async def test_fallbacks_are_tried_in_their_order(trio: Gateway) -> None:
    """IT-7."""
    trio.play(p="429", s="429")

    response = await trio.chat()

    check_delivered(response, by="T", target=T, attempts=3)
    assert trio.order == "PST"
    for call, key in zip(trio.calls, (P_KEY, S_KEY, T_KEY), strict=True):
        check_sent(call, key=key)


async def test_the_last_failure_gives_the_status(trio: Gateway) -> None:
    trio.play(p="429", s="503", t="500")

    response = await trio.chat()

    check_exhausted(response, status=500, attempts=[(P, "http_429"), (S, "http_503"), (T, "http_500")])
    assert trio.order == "PST"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 422])
async def test_a_fallback_that_refuses_is_passed_over(trio: Gateway, status: int) -> None:
    """A dead key, a retired model, an unknown parameter: the client never chose that fallback, the next one answers."""
    trio.play(p="503", s=str(status))

    response = await trio.chat()

    check_delivered(response, by="T", target=T, attempts=3)
    assert trio.order == "PST"


async def test_with_only_refusals_left_the_primarys_failure_gives_the_status(trio: Gateway) -> None:
    """A 401 would make the client look for a fault in its own key, which was never used."""
    trio.play(p="429", s="404", t="401")

    response = await trio.chat()

    check_exhausted(response, status=429, attempts=[(P, "http_429"), (S, "http_404"), (T, "http_401")])
    assert trio.order == "PST"


async def test_a_failover_is_immediate(trio: Gateway) -> None:
    """Without back-off, two failures cost next to nothing; the quickest of several, as others use the machine."""
    took = []
    for _ in range(5):
        trio.play(p="429", s="503")
        began = time.monotonic()
        response = await trio.chat()
        took.append(time.monotonic() - began)

        assert response.status_code == 200
        assert trio.order == "PST"
    assert min(took) < 0.5


async def test_requests_do_not_learn_from_each_other_where_nothing_was_asked(trio: Gateway) -> None:
    """A 429 without Retry-After blocks nobody: the next request begins with its primary again."""
    trio.play(p="429")

    answers = [await trio.chat() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert trio.order == "PSPSPS"


async def test_a_request_for_the_second_goes_to_the_second(trio: Gateway) -> None:
    """The policy is the primary's: the second has none, so its failure is delivered."""
    trio.play(s="429")

    response = await trio.chat(S)

    assert response.status_code == 429
    assert trio.order == "S"
    check_answer(response)


async def test_providers_that_ask_not_to_be_tried_again_are_obeyed(trio: Gateway) -> None:
    """`x-should-retry` overrides the default class of a status, both ways."""
    trio.play(p='503(headers={"x-should-retry": "false"})')
    refused = await trio.chat()
    refused_order = trio.order
    trio.play(p='400(headers={"x-should-retry": "true"})')
    wished = await trio.chat()

    assert (refused.status_code, refused_order) == (503, "P")
    check_delivered(wished, by="S", target=S, attempts=2)
    assert trio.order == "PS"


async def test_the_routing_header_is_never_missing(others: Gateway) -> None:
    """Exploration: the primary fails, and the next attempt is routed like the first, with choices as the result."""
    others.play(p="429")

    response = await others.chat("openai/gpt-4")

    check_delivered(response, by="S", target=S, attempts=2)
    assert "routing header" not in response.text
    assert response.json()["choices"]
    assert others.order == "PS"
