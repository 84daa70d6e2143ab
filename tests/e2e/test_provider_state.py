"""What only one provider has, and what asks for no generation: neither fails over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_answer, check_delivered, check_sent
from support.gateway.credentials import CLIENT_KEY, P_KEY, S_KEY, SECOND_KEY, T_KEY
from support.gateway.providers import P, a_model
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

RESPONSES = "/v1/responses"
OTHER = "groq/gpt-oss"
CLIENT = {"authorization": f"Bearer {CLIENT_KEY}"}
STATE: list[dict[str, object]] = [
    {"previous_response_id": "resp_1", "input": "go on"},
    {"conversation": {"id": "conv_1"}, "input": "go on"},
    {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAA", "summary": []}]},
    {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run P with two keys and two others that could answer: one of its own provider, one of another."""
    policy = {"fallback_models": [OTHER], "second_round": {"delay_ms": 100}}
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, None, access_keys=[P_KEY, SECOND_KEY], default=True, retry_policy=policy),
            a_model(OTHER, providers.s, S_KEY),
            a_model("openai/gpt-4o-mini", providers.t, T_KEY),
        ],
    ) as gateway:
        yield gateway


@pytest.mark.parametrize("fields", STATE)
async def test_state_is_asked_for_where_it_is(gateway: Gateway, fields: dict[str, object]) -> None:
    """Again, after a moment; with the same key, and of nobody else."""
    gateway.play(p="503, 200")

    response = await gateway.client.post(RESPONSES, json={"model": P, **fields}, headers=CLIENT)

    check_delivered(response, by="P", target=P, attempts=2)
    assert gateway.order == "PP"
    for call in gateway.calls:
        check_sent(call, key=P_KEY)


async def test_a_wait_is_waited_for(gateway: Gateway) -> None:
    """Though another key and another provider are free."""
    gateway.play(p="429(retry_after=1), 200")
    began = time.monotonic()

    response = await gateway.client.post(RESPONSES, json={"model": P, **STATE[0]}, headers=CLIENT)

    check_delivered(response, by="P", target=P, attempts=2)
    assert time.monotonic() - began >= 1
    assert [call.header("authorization") for call in gateway.calls] == [f"Bearer {P_KEY}"] * 2


async def test_or_the_request_is_exhausted(gateway: Gateway) -> None:
    gateway.play(p="503")

    response = await gateway.client.post(RESPONSES, json={"model": P, **STATE[0]}, headers=CLIENT)

    assert response.status_code == 503
    assert set(gateway.order) == {"P"}
    check_answer(response)


@pytest.mark.parametrize("state", [None, ""])
async def test_no_state_is_none(gateway: Gateway, state: str | None) -> None:
    """SDKs send null for what is not given."""
    gateway.play(p="503")

    response = await gateway.client.post(
        RESPONSES, json={"model": P, "previous_response_id": state, "input": "hi"}, headers=CLIENT
    )

    check_delivered(response, by="S", target=OTHER, attempts=2)


@pytest.mark.parametrize("method", ["GET", "HEAD"])  # OPTIONS does not get past the edge
@pytest.mark.parametrize("answer", ["429(retry_after=30)", "503", "reset"])
async def test_what_asks_for_no_generation_is_asked_once(gateway: Gateway, method: str, answer: str) -> None:
    """At once; and its answer says nothing about generations, which go on as before."""
    gateway.play(p=f"{answer}, 200")
    began = time.monotonic()

    response = await gateway.client.request(method, "/v1/files/file-1", headers=CLIENT)
    chat = await gateway.chat()

    assert response.status_code == (502 if answer == "reset" else int(answer[:3]))
    assert gateway.order == "PP"
    check_delivered(chat, by="P", target=P, attempts=1)
    assert time.monotonic() - began < 15
    check_answer(response)


async def test_nor_does_a_block_hold_it_back(gateway: Gateway) -> None:
    """Clients give up on a list after three seconds."""
    gateway.play(p="429(retry_after=4)")
    await gateway.chat()
    gateway.play()
    began = time.monotonic()

    response = await gateway.client.get("/v1/files", headers=CLIENT)

    assert response.status_code == 200
    assert time.monotonic() - began < 3
    assert [call.path for call in gateway.calls] == ["/v1/files"]


async def test_a_file_is_sent_to_one_provider_with_one_key(gateway: Gateway) -> None:
    """Whoever reads it later reads it with that key."""
    gateway.play(p="503, 200")

    response = await gateway.client.post("/v1/files", files={"file": ("a.jsonl", b"{}")}, headers=CLIENT)

    check_delivered(response, by="P", target=P, attempts=2)
    assert [call.header("authorization") for call in gateway.calls] == [f"Bearer {P_KEY}"] * 2


@pytest.mark.parametrize("path", [RESPONSES, "/v1/files"])
async def test_a_key_that_is_refused_is_asked_with_at_once(gateway: Gateway, path: str) -> None:
    """Though others use the next one: no other has it, and the provider says best what is wrong."""
    gateway.play(p="401, 200")
    await gateway.chat()  # refused with the first key, at the latest the second time
    gateway.play(p="401, 200")
    await gateway.chat()
    gateway.play(p="401")
    began = time.monotonic()

    response = await gateway.client.post(path, json={"model": P, **STATE[0]}, headers=CLIENT)

    assert response.status_code == 401
    assert time.monotonic() - began < 20
    assert [call.header("authorization") for call in gateway.calls] == [f"Bearer {P_KEY}"]
