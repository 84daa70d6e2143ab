"""Without a retry policy the gateway only routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.gateway.checks import check_answer, check_delivered, check_openai_error, check_sent
from support.gateway.credentials import P_KEY, S_KEY
from support.gateway.providers import P, S, refusing

if TYPE_CHECKING:
    from support.gateway.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


@pytest.mark.parametrize("status", [429, 500, 503, 404])
async def test_a_failure_is_delivered_as_it_is(plain: Gateway, status: int) -> None:
    """IT-4: status, headers and every byte of the body; nobody else is called."""
    body = '{\\"error\\":  {\\"message\\": \\"slow down \\u00e9\\"}}'
    plain.play(p=f'{status}(retry_after=7, headers={{"x-ratelimit-remaining-tokens": "0"}}, body="{body}")')

    response = await plain.chat()

    assert response.status_code == status
    assert response.content == '{"error":  {"message": "slow down é"}}'.encode()
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-ratelimit-remaining-tokens"] == "0"
    assert response.headers["x-mock-provider"] == "P"
    assert plain.order == "P"
    check_answer(response)


async def test_a_success_needs_one_call(plain: Gateway) -> None:
    plain.play()

    response = await plain.chat()

    check_delivered(response, by="P", target=P, attempts=1)
    assert plain.order == "P"
    check_sent(plain.p.calls[0], key=P_KEY)


async def test_requests_in_a_row_go_each_to_the_model_they_name(plain: Gateway) -> None:
    """Connections are reused: nothing of one request may stick to the next."""
    plain.play()

    for _ in range(10):
        check_delivered(await plain.chat(P), by="P", target=P, attempts=1)
        check_delivered(await plain.chat(S), by="S", target=S, attempts=1)

    assert plain.order == "PS" * 10
    for call in plain.s.calls:
        check_sent(call, key=S_KEY)


async def test_the_provider_is_reached_by_its_own_cluster(plain: Gateway) -> None:
    """The routing header equals a cluster's name: Envoy counts the request there and nowhere else."""
    plain.play()
    before = await plain.admin.requests_by_port()

    await plain.chat(S)

    after = await plain.admin.requests_by_port()
    sent = [sum(after[one.port].values()) - sum(before[one.port].values()) for one in plain.each]
    assert sent == [0, 1, 0]
    assert all(len(after[one.port]) == 1 for one in plain.each), "a provider is behind more than one cluster"


async def test_a_provider_that_cannot_be_reached_is_a_json_error(plain: Gateway) -> None:
    """There is no answer to pass on, so the gateway makes one; it says nothing about addresses."""
    plain.play()
    async with refusing(plain.p):
        response = await plain.chat()

    error = check_openai_error(response, status=502)
    assert error["code"] == "connection_error"
    assert str(plain.p.port) not in response.text
    assert plain.order == ""
