"""What an entry of model_providers says about its provider, on the wire."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered, check_exhausted, check_openai_error, check_sent
from support.gateway.credentials import P_KEY, S_KEY, T_KEY
from support.gateway.providers import EARLY, S, a_model
from support.gateway.running import Gateway, running_gateway
from support.http.requests import CHAT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

HOUSE = "openai/in-house"
HURRIED = "openai/hurried"
HURRIED_TWICE = "openai/hurried-twice"
PATIENT = "openai/patient"
LIMIT = 0.4
"""Seconds that the hurried models have for their response headers."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a provider with an entry for each rule, a second that is the only fallback, and a third of any model."""
    once_more = {"default_strategy": "same_model", "default_max_attempts": 1}
    async with running_gateway(
        models=lambda providers: [
            {
                "model": HOUSE,
                "access_key": P_KEY,
                "base_url": f"{providers.p.url}/models/v3",
                "http_host": "models.example",
                "headers": {"X-Team": "search", "X-Tier": "gold"},
                "retry_policy": {"fallback_models": [S], "default_max_attempts": 1},
            },
            a_model(HURRIED, providers.p, P_KEY, timeouts={"first_byte": f"{LIMIT}s"}),
            a_model(HURRIED_TWICE, providers.p, P_KEY, timeouts={"first_byte": f"{LIMIT}s"}, retry_policy=once_more),
            a_model(PATIENT, providers.p, P_KEY),
            a_model(S, providers.s, S_KEY, retry_policy={"candidate_order": "priority"}),
            a_model("mistral/*", providers.t, T_KEY, retry_policy={"fallback_models": [S], "default_max_attempts": 1}),
        ]
    ) as gateway:
        yield gateway


async def test_a_provider_is_sent_the_host_the_path_and_the_headers_of_its_entry(gateway: Gateway) -> None:
    """In place of the client's, each once. The fallback has none of them: it gets its own host and the client's own."""
    gateway.play(p="503")

    response = await gateway.chat(HOUSE, path=f"{CHAT}?page=2", headers={"x-team": "of-the-client"})

    check_delivered(response, by="S", target=S, attempts=2)
    assert gateway.order == "PS"
    (at_p,), (at_s,) = gateway.p.calls, gateway.s.calls
    assert (at_p.path, at_s.path) == ("/models/v3/chat/completions?page=2", f"{CHAT}?page=2")
    assert (at_p.header("host"), at_s.header("host")) == ("models.example", f"127.0.0.1:{gateway.s.port}")
    assert (at_p.header("x-team"), at_s.header("x-team")) == ("search", "of-the-client")
    assert (at_p.header("x-tier"), at_s.header("x-tier")) == ("gold", None)
    check_sent(at_p, key=P_KEY)
    check_sent(at_s, key=S_KEY)


async def test_first_byte_limits_an_attempt_even_without_a_policy(gateway: Gateway) -> None:
    """There is nobody else to ask, and the client is told at once; another model there has all the time it needs."""
    gateway.play(p="200(delay=0.8); hurried: silence")

    began = time.monotonic()
    cut = await gateway.chat(HURRIED)
    took = time.monotonic() - began
    waited_for = await gateway.chat(PATIENT)

    check_openai_error(cut, status=504)
    assert LIMIT - EARLY <= took < LIMIT + 10
    check_delivered(waited_for, by="P", target=PATIENT, attempts=1)
    assert gateway.order == "PP"


async def test_an_attempt_that_first_byte_has_ended_is_tried_again(gateway: Gateway) -> None:
    """What has begun in time is not cut, however long it takes."""
    gateway.play(p=f"silence, slow_body({2 * LIMIT})")

    began = time.monotonic()
    response = await gateway.chat(HURRIED_TWICE)

    check_delivered(response, by="P", target=HURRIED_TWICE, attempts=2)
    _, second = gateway.p.calls
    assert LIMIT - EARLY <= second.arrived - began < LIMIT + 10  # its time runs from before the first has arrived


async def test_a_wildcard_stands_for_every_model_of_its_provider(gateway: Gateway) -> None:
    """Each is a target of its own: what one was told to wait does not keep the others away."""
    gateway.play(t="429(retry_after=60), 200")

    failed = await gateway.chat("mistral/of-today")
    again = await gateway.chat("mistral/of-today")
    other = await gateway.chat("mistral/of/tomorrow")

    check_delivered(failed, by="S", target=S, attempts=2)
    check_delivered(again, by="S", target=S, attempts=1)
    check_delivered(other, by="T", target="mistral/of/tomorrow", attempts=1)
    assert gateway.order == "TSST"
    assert [call.model for call in gateway.t.calls] == ["of-today", "of/tomorrow"]


async def test_a_wildcard_is_no_failover_target(gateway: Gateway) -> None:
    """It stands for no model in particular: after one entry of each other provider, nobody is left."""
    gateway.play(p="429", s="429")

    response = await gateway.chat(S)

    check_exhausted(response, status=429, attempts=[(S, "http_429"), (HOUSE, "http_429")])
    assert gateway.order == "SP"
