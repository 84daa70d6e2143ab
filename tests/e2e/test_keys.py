"""Several keys of one target: a refused key is on cooldown, the next one is tried first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered, check_sent
from support.gateway.credentials import P_KEY, S_KEY, SECOND_KEY, THIRD_KEY
from support.gateway.providers import S, a_model
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

KEYS = [P_KEY, SECOND_KEY, THIRD_KEY]

# Cooldowns of keys are per target: a model a test keeps the tests apart.
MODELS = [
    "openai/refused-401",
    "openai/refused-402",
    "openai/refused-403",
    "openai/limited",
    "openai/all-refused",
    "openai/in-turn",
    "openai/no-strategy-step",
    "openai/comes-back",
]
ALONE = "openai/alone"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a provider with three keys to each of its models, and a second provider."""
    policy = {"fallback_models": [S], "default_max_attempts": 1}
    async with running_gateway(
        models=lambda providers: [
            *(a_model(model, providers.p, None, access_keys=KEYS, retry_policy=policy) for model in MODELS),
            a_model("openai/single", providers.p, P_KEY, retry_policy=policy),
            a_model(ALONE, providers.p, None, access_keys=KEYS, retry_policy={"default_strategy": "same_model"}),
            a_model(S, providers.s, S_KEY),
        ]
    ) as gateway:
        yield gateway


def keys_used(gateway: Gateway) -> list[str]:
    """Return the keys that came with the calls to P, in order."""
    return [(call.header("authorization") or "").removeprefix("Bearer ") for call in gateway.p.calls]


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refused_key_is_followed_by_the_next_one(gateway: Gateway, status: int) -> None:
    """The client notices nothing, and the refused key is not used again."""
    model = f"openai/refused-{status}"
    gateway.play(p=f"{status}, 200")

    answers = [await gateway.chat(model) for _ in range(4)]

    check_delivered(answers[0], by="P", target=model, attempts=2)
    for answer in answers[1:]:
        check_delivered(answer, by="P", target=model, attempts=1)
    used = keys_used(gateway)
    assert used[0] == P_KEY
    assert set(used[1:]) == {SECOND_KEY, THIRD_KEY}
    for call, key in zip(gateway.p.calls, used, strict=True):
        check_sent(call, key=key)


async def test_a_rate_limited_key_is_followed_by_the_next_one_at_once(gateway: Gateway) -> None:
    """Its Retry-After is about that key: nobody waits for it."""
    gateway.play(p="429(retry_after=30), 200")

    first = await gateway.chat("openai/limited")
    rest = [await gateway.chat("openai/limited") for _ in range(3)]

    check_delivered(first, by="P", target="openai/limited", attempts=2)
    assert [answer.headers["x-mock-provider"] for answer in rest] == ["P"] * 3
    assert P_KEY not in keys_used(gateway)[1:]
    assert gateway.p.calls[1].arrived - gateway.p.calls[0].arrived < 0.5
    assert gateway.s.calls == ()


async def test_when_all_keys_are_refused_the_next_provider_responds(gateway: Gateway) -> None:
    """From then on the target counts as blocked: the next request does not call it."""
    gateway.play(p="429(retry_after=60)")

    first = await gateway.chat("openai/all-refused")
    second = await gateway.chat("openai/all-refused")

    check_delivered(first, by="S", target=S, attempts=4)
    check_delivered(second, by="S", target=S, attempts=1)
    assert gateway.order == "PPPSS"
    assert sorted(keys_used(gateway)) == sorted(KEYS)


async def test_without_another_target_the_providers_own_error_is_delivered(gateway: Gateway) -> None:
    """Every time and at once: for how long a refused key is not used is our guess, and nobody waits for that."""
    for calls in (3, 1):
        gateway.play(p="401")
        began = time.monotonic()
        response = await gateway.chat(ALONE)

        assert (response.status_code, len(gateway.p.calls)) == (401, calls)
        assert time.monotonic() - began < 20


async def test_keys_are_used_in_turn(gateway: Gateway) -> None:
    gateway.play()

    for _ in range(6):
        await gateway.chat("openai/in-turn")

    assert keys_used(gateway) == KEYS * 2


async def test_another_key_costs_no_strategy_step(gateway: Gateway) -> None:
    """One retry is allowed: two refused keys leave it untouched, so that the second provider may still be asked."""
    gateway.play(p="401, 403, 503")

    response = await gateway.chat("openai/no-strategy-step")

    check_delivered(response, by="S", target=S, attempts=4)
    assert gateway.order == "PPPS"


async def test_a_key_comes_back_after_its_wait(gateway: Gateway) -> None:
    gateway.play(p="429(retry_after=1), 200")

    await gateway.chat("openai/comes-back")
    limited_at = gateway.p.calls[0].arrived
    while keys_used(gateway).count(P_KEY) < 2:
        await gateway.chat("openai/comes-back")

    again = [call for call, key in zip(gateway.p.calls, keys_used(gateway), strict=True) if key == P_KEY][1]
    assert 1 <= again.arrived - limited_at < 1.5


async def test_a_single_key_that_is_refused_leads_to_the_next_provider(gateway: Gateway) -> None:
    """It is the operator's: the client could not mend it."""
    gateway.play(p="401")

    response = await gateway.chat("openai/single")

    check_delivered(response, by="S", target=S, attempts=2)
