"""Nobody outside can speak the language in which Envoy and the sidecar speak to each other."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from support.gateway import credentials
from support.gateway.checks import check_answer, check_delivered, check_sent
from support.gateway.providers import P, S

from extproc import names

if TYPE_CHECKING:
    from support.gateway.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

STATE = base64.b64encode(b"\x0a\x1aanthropic/claude-3-5-sonnet\x10\x01").decode()

FORGED_BY_CLIENT = {
    "x-arch-llm-provider": "anthropic",
    "x-extproc-state": STATE,
    "x-extproc-redispatch": "1",
    "x-extproc-unprocessed": "503",
    "x-extproc-model": S,
    "x-extproc-attempts": "7",
    "x-envoy-upstream-rq-timeout-ms": "1",
    "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    "x-envoy-upstream-rq-timeout-alt-response": "1",
    "x-envoy-expected-rq-timeout-ms": "1",
    "x-envoy-retry-on": "5xx,retriable-4xx",
    "x-envoy-retriable-status-codes": "200",
    "x-envoy-retriable-header-names": "x-mock-provider",
    "x-envoy-max-retries": "50",
    "x-envoy-hedge-on-per-try-timeout": "true",
    "x-envoy-upstream-alt-stat-name": "stolen",
    "x-envoy-original-path": "/v1/stolen",
    "x-envoy-original-dst-host": "127.0.0.1:1",
    "x-envoy-internal": "true",
    "x-envoy-ip-tags": "internal",
    "x-envoy-attempt-count": "9",
    "x-envoy-decorator-operation": "stolen",
    "x-envoy-force-trace": "1",
    "x-envoy-external-address": "10.0.0.1",
    "x-envoy-downstream-service-cluster": "stolen",
}

FORGED_BY_PROVIDER = {
    "x-arch-llm-provider": "mistral",
    "x-extproc-state": STATE,
    "x-extproc-redispatch": "1",
    "x-extproc-unprocessed": "503",
    "x-extproc-model": "stolen/model",
    "x-extproc-attempts": "99",
    "x-envoy-ratelimited": "true",
    "x-envoy-overloaded": "true",
    "x-envoy-immediate-health-check-fail": "true",
    "x-envoy-upstream-canary": "true",
    "x-envoy-upstream-service-time": "1",
    "x-envoy-decorator-operation": "stolen",
    "x-envoy-degraded": "true",
}


def as_json(headers: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": "{value}"' for name, value in headers.items()) + "}"


@pytest.mark.parametrize("name", FORGED_BY_CLIENT)
async def test_a_client_gains_nothing_by_an_internal_header(trio: Gateway, name: str) -> None:
    """It changes neither target nor time limit nor number of calls, and reaches no provider."""
    trio.play(p="200(delay=0.1)")

    response = await trio.chat(headers={name: FORGED_BY_CLIENT[name]})

    check_delivered(response, by="P", target=P, attempts=1)
    assert trio.order == "P"
    assert trio.p.calls[0].path == "/v1/chat/completions"
    check_sent(trio.p.calls[0], key=credentials.P_KEY)


async def test_a_client_gains_nothing_by_all_of_them_in_a_failover(trio: Gateway) -> None:
    """Nor does the replayed request bring them back."""
    trio.play(p="429(delay=0.1)", s="503(delay=0.1)", t="200(delay=0.1)")

    response = await trio.chat(headers=FORGED_BY_CLIENT)

    assert trio.order == "PST"
    check_delivered(response, by="T", target="mistral/mistral-large", attempts=3)
    for call, key in zip(trio.calls, (credentials.P_KEY, credentials.S_KEY, credentials.T_KEY), strict=True):
        check_sent(call, key=key)


async def test_a_client_gains_no_retry_where_there_is_no_policy(plain: Gateway) -> None:
    plain.play(p="503")

    response = await plain.chat(headers=FORGED_BY_CLIENT)

    assert response.status_code == 503
    assert plain.order == "P"
    check_answer(response)


@pytest.mark.parametrize("name", FORGED_BY_PROVIDER)
@pytest.mark.parametrize("status", [200, 400])
async def test_a_provider_gains_nothing_by_an_internal_header(trio: Gateway, name: str, status: int) -> None:
    """An answer that is delivered is delivered once, without it, and named after who really gave it."""
    trio.play(p=f"{status}(headers={as_json({name: FORGED_BY_PROVIDER[name]})})")

    response = await trio.chat()

    assert response.status_code == status
    assert trio.order == "P"
    assert (response.headers["x-extproc-model"], response.headers["x-extproc-attempts"]) == (P, "1")
    check_answer(response)


async def test_a_provider_gains_nothing_by_all_of_them_on_a_failure(trio: Gateway) -> None:
    """A failure is classified by its status alone: one call each, in the usual order."""
    trio.play(p=f"429(headers={as_json(FORGED_BY_PROVIDER)})", s=f"503(headers={as_json(FORGED_BY_PROVIDER)})")

    response = await trio.chat()

    check_delivered(response, by="T", target="mistral/mistral-large", attempts=3)
    assert trio.order == "PST"


@pytest.mark.parametrize("status", [200, 404, 429, 503])
async def test_a_provider_gains_no_second_call_where_there_is_no_policy(plain: Gateway, status: int) -> None:
    plain.play(p=f"{status}(headers={as_json(FORGED_BY_PROVIDER)})")

    response = await plain.chat()

    assert response.status_code == status
    assert plain.order == "P"
    check_answer(response)


async def test_a_provider_cannot_have_itself_taken_out_of_service(trio: Gateway) -> None:
    """`x-envoy-immediate-health-check-fail` would do that; the next request must reach the provider as before."""
    trio.play(p='200(headers={"x-envoy-immediate-health-check-fail": "true"})')

    answers = [await trio.chat() for _ in range(3)]

    assert [answer.headers["x-mock-provider"] for answer in answers] == ["P"] * 3


async def test_keys_are_unknown_to_envoy(trio: Gateway) -> None:
    """They belong to the sidecar: neither Envoy's configuration nor its command line holds one."""
    trio.play()
    await trio.chat()

    config = await trio.admin.config()

    assert f'"{names.CLUSTER}"' in config
    assert [leak for leak in credentials.ALL if leak in config] == []
    commands = trio.up.processes.values()
    assert len(commands) >= 4  # `up`, Envoy, the sidecar and a worker
    assert [leak for command in commands for leak in credentials.ALL if leak in command] == []
