"""What one request learns about a provider, the next ones heed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered, check_exhausted
from support.gateway.credentials import P_KEY, S_KEY, T_KEY
from support.gateway.providers import IMPATIENCE_MS, P, S, T, a_model
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.gateway.providers import Json

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


# Each is the policy of a model of its own: blocks of scope model keep the tests apart.
POLICIES: dict[str, Json] = {
    "openai/minute": {"fallback_models": [S]},
    "openai/second": {"fallback_models": [S]},
    "openai/request": {"fallback_models": [S], "retry_after_handling": {"scope": "model", "apply_to": "request"}},
    "openai/order": {"fallback_models": [T, S]},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a provider with a model for each policy, and two others."""
    async with running_gateway(
        models=lambda providers: [
            *(a_model(name, providers.p, P_KEY, retry_policy=policy) for name, policy in POLICIES.items()),
            a_model(S, providers.s, S_KEY),
            a_model(T, providers.t, T_KEY),
        ]
    ) as gateway:
        yield gateway


async def test_a_provider_that_asked_for_a_minute_is_left_alone_for_it(gateway: Gateway) -> None:
    """IT-9: both requests are answered at once; the second never calls the primary."""
    gateway.play(p="429(retry_after=60)")

    began = time.monotonic()
    first = await gateway.chat("openai/minute")
    second = await gateway.chat("openai/minute")
    took = time.monotonic() - began

    check_delivered(first, by="S", target=S, attempts=2)
    check_delivered(second, by="S", target=S, attempts=1)
    assert gateway.order == "PSS"
    assert took < 30


async def test_a_block_ends_when_its_time_is_up(gateway: Gateway) -> None:
    gateway.play(p="429(retry_after=1), 200")

    await gateway.chat("openai/second")
    blocked_at = gateway.p.calls[0].arrived
    answer = await gateway.chat("openai/second")
    while answer.headers["x-mock-provider"] == "S":
        answer = await gateway.chat("openai/second")

    check_delivered(answer, by="P", target="openai/second", attempts=1)
    assert 1 <= gateway.p.calls[1].arrived - blocked_at < 1.5


async def test_a_block_for_one_request_does_not_outlive_it(gateway: Gateway) -> None:
    gateway.play(p="429(retry_after=60), 200")

    await gateway.chat("openai/request")
    second = await gateway.chat("openai/request")

    check_delivered(second, by="P", target="openai/request", attempts=1)
    assert gateway.order == "PSP"


async def test_a_blocked_primary_leads_to_the_fallbacks_in_order(gateway: Gateway) -> None:
    gateway.play(p="429(retry_after=60)", t="200, 503, 200")

    await gateway.chat("openai/order")
    second = await gateway.chat("openai/order")

    check_delivered(second, by="S", target=S, attempts=2)
    assert gateway.order == "PTTS"


async def test_a_block_of_a_provider_covers_all_its_models() -> None:
    """The fallback of the same provider is passed over, the other provider is not."""
    mini = "openai/gpt-4o-mini"
    policy = {"fallback_models": [mini, S], "retry_after_handling": {"scope": "provider"}}
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, retry_policy={**policy, "default_strategy": "different_provider"}),
            a_model(mini, providers.p, P_KEY, retry_policy=policy),
            a_model(S, providers.s, S_KEY),
        ]
    ) as gateway:
        gateway.play(p="429(retry_after=60), 200")

        await gateway.chat()
        second = await gateway.chat(mini)

        check_delivered(second, by="S", target=S, attempts=1)
        assert gateway.order == "PSS"


async def test_a_block_of_an_endpoint_covers_all_its_targets() -> None:
    """Another provider's model on the same scheme, host and port is passed over; one at another port is not."""
    neighbour = "mistral/neighbour"
    policy = {"fallback_models": [neighbour, S], "retry_after_handling": {"scope": "endpoint"}}
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, retry_policy=policy),
            a_model(neighbour, providers.p, T_KEY, retry_policy=policy),
            a_model(S, providers.s, S_KEY),
        ]
    ) as gateway:
        gateway.play(p="503")
        unblocked = await gateway.chat()
        unblocked_order = gateway.order
        gateway.play(p="429(retry_after=60), 200")

        first = await gateway.chat()
        second = await gateway.chat(neighbour)

        check_delivered(unblocked, by="S", target=S, attempts=3)
        assert unblocked_order == "PPS"
        check_delivered(first, by="S", target=S, attempts=2)
        check_delivered(second, by="S", target=S, attempts=1)
        assert gateway.order == "PSS"


async def test_when_all_asked_for_long_waits_the_error_is_returned_without_a_call() -> None:
    """429 with Retry-After: the client can do nothing better than wait, and no provider is bothered."""
    async with running_gateway(only="PS", policy={}) as gateway:
        gateway.play(p="429(retry_after=100)", s="429(retry_after=200)")

        first = await gateway.chat()
        began = time.monotonic()
        second = await gateway.chat()
        took = time.monotonic() - began

        soonest = range(98, 112)  # up to a tenth more, so that not everyone comes back at once
        check_exhausted(first, status=429, attempts=[(P, "http_429"), (S, "http_429")], retry_after=soonest)
        error = check_exhausted(second, status=429, attempts=[], retry_after=soonest)
        assert error["shortest_remaining_block_seconds"] in soonest
        assert took < 50
        assert gateway.order == "PS"


async def test_when_all_asked_for_short_waits_the_first_to_be_free_is_waited_for() -> None:
    async with running_gateway(only="PS", policy={}) as gateway:
        gateway.play(p="429(retry_after=3), 200", s="429(retry_after=1.5), 200")

        await gateway.chat()
        blocked_at = gateway.s.calls[0].arrived
        second = await gateway.chat()

        check_delivered(second, by="S", target=S, attempts=1)
        assert gateway.order == "PSS"
        assert 1.5 <= gateway.s.calls[1].arrived - blocked_at < 3


async def test_a_provider_that_was_silent_is_left_alone_by_all_workers() -> None:
    """So a client whose own time was up at the same moment is answered at once when it asks again."""
    policy: Json = {"fallback_models": [S], "on_timeout": {"after_ms": IMPATIENCE_MS}}
    async with running_gateway(only="PS", policy=policy, sidecar={"workers": 2}) as gateway:
        gateway.play(p="silence, 200")
        first = await gateway.chat()
        others = [await gateway.chat() for _ in range(10)]

    check_delivered(first, by="S", target=S, attempts=2)
    for other in others:
        check_delivered(other, by="S", target=S, attempts=1)
    assert gateway.order == "PS" + 10 * "S"


async def test_a_guess_about_silence_makes_no_outage() -> None:
    """Who has been silent is asked all the same when nobody else can answer."""
    policy: Json = {"fallback_models": [S], "on_timeout": {"after_ms": IMPATIENCE_MS}, "second_round": {"rounds": 1}}
    async with running_gateway(only="PS", policy=policy) as gateway:
        gateway.play(p="silence, 200", s="200, 429")
        await gateway.chat()

        response = await gateway.chat()

    check_delivered(response, by="P", target=P, attempts=2)
    assert gateway.order == "PSSP"
