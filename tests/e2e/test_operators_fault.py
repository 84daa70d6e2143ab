"""Keys, accounts and models that a provider refuses are the operator's to mend: somebody else answers meanwhile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.bodies.compressors import gzipped
from support.gateway.checks import check_answer, check_delivered
from support.gateway.credentials import CLIENT_KEY, P_KEY, S_KEY, SECOND_KEY
from support.gateway.providers import P, S, a_model
from support.gateway.running import Gateway, running_gateway
from support.toys.provider import Reply, ToyProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

LISTED = "openai/listed"
CLIENTS_KEY = "openai/clients-key"
TWO_KEYS = ("openai/google", "openai/google-compatible", "openai/anthropic")

GOOGLES_KEY = [{"error": {"code": 400, "message": "API key not valid.", "details": [{"reason": "API_KEY_INVALID"}]}}]
GOOGLES_KEY_AS_OPENAI = [
    {"error": {"code": 400, "message": "Please pass a valid API key", "status": "INVALID_ARGUMENT"}}
]
NO_BALANCE = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": "Your credit balance is too low to access the Anthropic API.",
    },
}
NO_MODEL = {"error": {"message": "It does not exist.", "type": "invalid_request_error", "code": "model_not_found"}}
MISTAKE = {"error": {"message": "max_tokens is too large", "type": "invalid_request_error", "code": None}}


def answering(status: int, body: object, **options: object) -> str:
    """Return the script of a provider that answers so."""
    more = "".join(f", {name}={json.dumps(value)}" for name, value in options.items())
    return f"{status}(body={json.dumps(json.dumps(body))}{more})"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a provider whose models differ in their keys and rules, and one that may stand in for it."""
    policy = {"fallback_models": [S]}
    never = {**policy, "on_status_codes": [{"codes": [401, 404], "max_attempts": 0}]}
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, retry_policy=policy),
            a_model(LISTED, providers.p, P_KEY, retry_policy=never),
            a_model(CLIENTS_KEY, providers.p, None, passthrough_auth=True, retry_policy=policy),
            *(
                a_model(model, providers.p, None, access_keys=[P_KEY, SECOND_KEY], retry_policy=policy)
                for model in TWO_KEYS
            ),
            a_model(S, providers.s, S_KEY),
        ]
    ) as gateway:
        yield gateway


@pytest.mark.parametrize(
    "script",
    ["401", "402", "403", answering(404, NO_MODEL), answering(400, GOOGLES_KEY), answering(400, NO_BALANCE)],
    ids=["401", "402", "403", "no model", "no key", "no balance"],
)
async def test_another_worker_responds(gateway: Gateway, script: str) -> None:
    gateway.play(p=script)

    check_delivered(await gateway.chat(), by="S", target=S, attempts=2)
    assert gateway.order == "PS"


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
@pytest.mark.parametrize("status", [400, 404])
async def test_a_clients_mistake_reaches_it_byte_for_byte(gateway: Gateway, status: int, *, chunked: bool) -> None:
    """Though its body is read on the way."""
    gateway.play(p=answering(status, MISTAKE, chunked=chunked, headers={"x-reason": "yours"}))

    response = await gateway.chat()

    assert (response.status_code, response.json(), response.headers["x-reason"]) == (status, MISTAKE, "yours")
    assert gateway.order == "P"
    check_answer(response)


async def test_an_error_whose_body_comes_late_is_waited_for(gateway: Gateway) -> None:
    """It goes to the client in any case."""
    gateway.play(p=f"slow_body(status=400, seconds=0.6, body={json.dumps(json.dumps(MISTAKE))})")

    response = await gateway.chat()

    assert (response.status_code, response.json()) == (400, MISTAKE)
    assert gateway.order == "P"


@pytest.mark.parametrize(("script", "status"), [("401", 401), (answering(404, NO_MODEL), 404)], ids=["401", "404"])
async def test_a_rule_in_the_file_wins(gateway: Gateway, script: str, status: int) -> None:
    gateway.play(p=script)

    response = await gateway.chat(LISTED)

    assert response.status_code == status
    assert gateway.order == "P"


async def test_a_rejected_key_of_the_client_is_delivered(gateway: Gateway) -> None:
    gateway.play(p="401")

    response = await gateway.chat(CLIENTS_KEY)

    assert response.status_code == 401
    assert gateway.order == "P"
    assert gateway.p.calls[0].header("authorization") == f"Bearer {CLIENT_KEY}"


@pytest.mark.parametrize(
    ("model", "body"), [*zip(TWO_KEYS, (GOOGLES_KEY, GOOGLES_KEY_AS_OPENAI, NO_BALANCE), strict=True)], ids=TWO_KEYS
)
async def test_a_rejected_key_is_on_cooldown_whatever_its_status(gateway: Gateway, model: str, body: object) -> None:
    """No other request fails on it."""
    gateway.play(p=f"{answering(400, body)}, 200")

    answers = [await gateway.chat(model) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert [(call.header("authorization") or "").removeprefix("Bearer ") for call in gateway.p.calls] == [
        P_KEY,
        *[SECOND_KEY] * 3,
    ]


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_a_used_up_quota_is_read_however_it_is_sent(coding: str) -> None:
    """In chunks, compressed or not: the next request does not call that provider at all."""
    error = b'{"error": {"message": "Your account is not active.", "type": "billing_not_active"}}'
    body = gzipped(error) if coding == "gzip" else error
    headers = [("content-type", "application/json"), ("content-encoding", coding)]
    with ToyProvider(Reply(429, headers, [body[:20], body[20:]])) as provider:
        async with running_gateway(
            models=lambda providers: [
                {
                    "model": P,
                    "base_url": f"http://127.0.0.1:{provider.port}",
                    "access_key": P_KEY,
                    "retry_policy": {"fallback_models": [S]},
                },
                a_model(S, providers.s, S_KEY),
            ]
        ) as gateway:
            gateway.play()
            first, second = await gateway.chat(), await gateway.chat()

    check_delivered(first, by="S", target=S, attempts=2)
    check_delivered(second, by="S", target=S, attempts=1)
    assert len(provider.calls) == 1


@pytest.mark.parametrize("headers", [{"retry-after": ["20", "30"]}, {"ratelimit": '"default";r=0;t=30'}], ids=str)
async def test_waits_of_other_kinds_are_obeyed(headers: dict[str, object]) -> None:
    async with running_gateway(only="PS", policy={"fallback_models": [S]}) as gateway:
        gateway.play(p=f"429(headers={json.dumps(headers)})")
        first, second = await gateway.chat(), await gateway.chat()

    check_delivered(first, by="S", target=S, attempts=2)
    check_delivered(second, by="S", target=S, attempts=1)
