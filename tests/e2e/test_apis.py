"""Each API is spoken to those who speak it, in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_answer, check_delivered, check_nothing_internal, check_sent
from support.gateway.credentials import ALL, CLIENT_KEY, P_KEY, S_KEY, SECOND_KEY, T_KEY
from support.gateway.providers import P, S, T, a_model
from support.gateway.running import Gateway, running_gateway
from support.http.requests import EMBEDDINGS, MESSAGES, a_body
from support.http.streaming import read_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extproc.mock.record import Call

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

HAIKU = "claude/claude-3-haiku"

CLAUDE_HEADERS = {"content-type": "application/json", "x-api-key": CLIENT_KEY}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run OpenAI-style P, Anthropic's S, and T, another vendor's endpoint that speaks Anthropic's API."""
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, retry_policy={"fallback_models": [S]}),
            a_model(S, providers.s, S_KEY, retry_policy={}),
            a_model(HAIKU, providers.t, T_KEY, provider_interface="claude"),
        ],
        top={"model_aliases": {"fast": {"target": P}}},
    ) as gateway:
        yield gateway


def check_message_sent(call: Call, *, key: str, version: str) -> None:
    """Check that *call* is a request in Anthropic's API with *key* and no other credential."""
    assert call.path == MESSAGES
    assert call.header("x-api-key") == key
    assert call.header("anthropic-version") == version
    assert call.header("authorization") is None
    check_nothing_internal(call)
    assert not any(leak in value for _, value in call.headers for leak in ALL if leak != key)


async def test_a_message_carries_anthropics_credentials(gateway: Gateway) -> None:
    gateway.play()

    response = await gateway.client.post(MESSAGES, content=a_body(S, max_tokens=5), headers=CLAUDE_HEADERS)

    check_delivered(response, by="S", target=S, attempts=1)
    assert response.json()["type"] == "message"
    check_message_sent(gateway.s.calls[0], key=S_KEY, version="2023-06-01")
    assert gateway.s.calls[0].model == "claude-3-5-sonnet"


async def test_the_clients_version_header_is_kept(gateway: Gateway) -> None:
    gateway.play(s="529")
    headers = {**CLAUDE_HEADERS, "anthropic-version": "2024-10-22", "anthropic-beta": "tools"}

    await gateway.client.post(MESSAGES, content=a_body(S, max_tokens=5), headers=headers)

    for call, key in zip(gateway.calls, (S_KEY, T_KEY), strict=True):
        check_message_sent(call, key=key, version="2024-10-22")
        assert call.header("anthropic-beta") == "tools"


async def test_a_message_fails_over_only_to_who_speaks_messages(gateway: Gateway) -> None:
    gateway.play(s="529")

    response = await gateway.client.post(MESSAGES, content=a_body(S, max_tokens=5), headers=CLAUDE_HEADERS)

    check_delivered(response, by="T", target=HAIKU, attempts=2)
    assert gateway.order == "ST"
    assert gateway.t.calls[0].model == "claude-3-haiku"


async def test_a_message_that_nobody_else_speaks_is_exhausted_without_a_call(trio: Gateway) -> None:
    """Here S has no policy, so its own answer passes; in no case does an OpenAI-style provider see a message."""
    trio.play(s="529")

    response = await trio.client.post(MESSAGES, content=a_body(S, max_tokens=5), headers=CLAUDE_HEADERS)

    assert response.status_code == 529
    assert response.json()["type"] == "error"
    assert trio.order == "S"
    check_answer(response)


async def test_a_refused_message_is_reported_in_anthropics_shape(gateway: Gateway) -> None:
    gateway.play()

    response = await gateway.client.post(MESSAGES, content=b'{"model": ', headers=CLAUDE_HEADERS)

    assert response.status_code == 400
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert gateway.order == ""
    check_answer(response)


async def test_a_stream_of_messages_arrives_whole(gateway: Gateway) -> None:
    gateway.play(s="529", t="200(sse=3, gap=0.05)")

    async with gateway.client.stream(
        "POST", MESSAGES, content=a_body(S, stream=True, max_tokens=5), headers=CLAUDE_HEADERS
    ) as response:
        events = await read_events(response)

    assert [event.text.partition("\n")[0] for event in events] == [
        "event: message_start",
        "event: content_block_start",
        *["event: content_block_delta"] * 3,
        "event: content_block_stop",
        "event: message_delta",
        "event: message_stop",
    ]


async def test_embeddings_are_not_asked_of_who_makes_none(trio: Gateway) -> None:
    trio.play(p="503")

    response = await trio.client.post(EMBEDDINGS, json={"model": P, "input": "text"})

    assert trio.order == "PT"
    check_delivered(response, by="T", target=T, attempts=2)
    assert response.json()["data"][0]["object"] == "embedding"
    check_sent(trio.t.calls[0], key=T_KEY)
    assert [call.path for call in trio.calls] == [EMBEDDINGS] * 2


async def test_embeddings_never_change_their_model_by_themselves() -> None:
    """Another model is another vector space: T could make them, and the policy does not name it."""
    async with running_gateway(only="PT", policy={}) as gateway:
        gateway.play(p="429")

        embeddings = await gateway.client.post(EMBEDDINGS, json={"model": P, "input": "text"})
        chat = await gateway.chat()

    assert embeddings.status_code == 429
    assert embeddings.json()["error"]["type"] == "retry_exhausted"
    check_delivered(chat, by="T", target=T, attempts=2)
    assert [(call.path == EMBEDDINGS) for call in gateway.t.calls] == [False]


async def test_a_path_that_belongs_to_no_known_api_is_not_sent_elsewhere(trio: Gateway) -> None:
    """Nobody knows whether another vendor would understand it."""
    trio.play(p="503")

    response = await trio.client.post("/v1/fine_tuning/jobs", json={"model": P})

    assert response.status_code == 503
    assert set(trio.order) == {"P"}
    assert trio.p.calls[0].path == "/v1/fine_tuning/jobs"
    check_answer(response)


async def test_an_alias_is_resolved_before_anything_else(gateway: Gateway) -> None:
    gateway.play(p="429")

    response = await gateway.chat("fast")

    check_delivered(response, by="S", target=S, attempts=2)
    assert [call.model for call in gateway.calls] == ["gpt-4o", "claude-3-5-sonnet"]


async def test_the_clients_own_credential_is_passed_where_that_is_configured() -> None:
    """With passthrough_auth the client's header goes to that provider, and to that one only."""
    mini = "openai/gpt-4o-mini"
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, None, passthrough_auth=True, retry_policy={"default_strategy": "same_provider"}),
            a_model(mini, providers.t, SECOND_KEY),
            a_model(S, providers.s, S_KEY),
        ]
    ) as gateway:
        gateway.play(p="429")

        await gateway.chat()

        assert gateway.order == "PT"
        check_sent(gateway.p.calls[0], key=CLIENT_KEY)
        check_sent(gateway.t.calls[0], key=SECOND_KEY)
