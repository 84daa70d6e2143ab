"""The header by which a provider knows work that it has done already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_delivered, check_sent
from support.gateway.credentials import P_KEY, S_KEY
from support.gateway.providers import P, S, a_model
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extproc.mock.record import Call

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

NAME = "Idempotency-Key"
UNMARKED = "openai/unmarked"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run two providers that are gone round twice; one of the first's two models has the header in its policy."""
    policy = {"fallback_models": [S], "default_max_attempts": 5, "second_round": {"delay_ms": 50}}
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, retry_policy={**policy, "idempotency_header": NAME}),
            a_model(UNMARKED, providers.p, P_KEY, retry_policy=policy),
            a_model(S, providers.s, S_KEY),
        ]
    ) as gateway:
        yield gateway


def values(calls: tuple[Call, ...]) -> list[str]:
    """Return the header's values, one for each of *calls*, which must have it exactly once."""
    found = [[value for name, value in call.headers if name == NAME.lower()] for call in calls]
    assert [len(each) for each in found] == [1] * len(calls), found
    return [each[0] for each in found]


async def test_a_provider_sees_one_value_in_all_attempts_of_a_request(gateway: Gateway) -> None:
    """Also for another of its models, and in another round. What another provider sees has nothing to do with it."""
    gateway.play(p="503", s="503, 200")

    response = await gateway.chat()

    check_delivered(response, by="S", target=S, attempts=5)
    assert gateway.order == "PSPPS"
    at_p, at_s = set(values(gateway.p.calls)), set(values(gateway.s.calls))
    assert len(at_p) == len(at_s) == 1
    assert "" not in at_p | at_s
    assert at_p.isdisjoint(at_s)
    for call in gateway.calls:
        check_sent(call, key=P_KEY if call in gateway.p.calls else S_KEY)
        assert call.header("x-request-id") not in at_p | at_s


async def test_every_request_has_a_value_of_its_own(gateway: Gateway) -> None:
    """Asking the same question twice is two questions, and wants two answers."""
    gateway.play()

    for _ in range(3):
        await gateway.chat()

    assert len(set(values(gateway.p.calls))) == 3


async def test_the_value_is_made_of_the_clients_request_id_and_body(gateway: Gateway) -> None:
    """A client that repeats a request under its own id gets one value; with another body it is other work."""
    gateway.play()

    for text in ("one", "one", "two"):
        await gateway.chat(headers={"x-request-id": "the-clients-own"}, user=text)

    first, again, other = values(gateway.p.calls)
    assert first == again
    assert first != other


async def test_a_value_that_the_client_chose_is_kept(gateway: Gateway) -> None:
    """It also covers the client's own retries, whatever is done here."""
    gateway.play(p="503", s="503, 200")

    response = await gateway.chat(headers={NAME: "the-clients-own"})

    check_delivered(response, by="S", target=S, attempts=5)
    assert gateway.order == "PSPPS"
    assert values(gateway.p.calls) + values(gateway.s.calls) == ["the-clients-own"] * 5


async def test_without_it_in_the_policy_nothing_is_sent(gateway: Gateway) -> None:
    """Another model's policy has it, even one of the same provider: the primary's counts."""
    gateway.play(p="503", s="503, 200")

    response = await gateway.chat(UNMARKED)

    check_delivered(response, by="S", target=S, attempts=5)
    assert [call.header(NAME) for call in gateway.calls] == [None] * 5
