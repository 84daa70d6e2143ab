"""Whole answers, as they come over a socket."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from extproc.mock.server import MockProvider

if TYPE_CHECKING:
    import httpx

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(20)]

CHAT = "/v1/chat/completions"
REQUEST = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


async def answer(client: httpx.AsyncClient, script: str, path: str = CHAT, **request: object) -> httpx.Response:
    async with MockProvider(script, name="north") as provider:
        return await client.post(provider.url + path, json={**REQUEST, **request})


async def test_a_chat_completion_has_openais_shape_and_names_the_provider(client: httpx.AsyncClient) -> None:
    response = await answer(client, "200")

    completion = response.json()
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.headers["x-mock-provider"] == "north"
    assert int(response.headers["content-length"]) == len(response.content)
    assert (completion["object"], completion["model"]) == ("chat.completion", "gpt-4o")
    assert completion["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Hello from north.",
        "refusal": None,
    }
    assert completion["choices"][0]["finish_reason"] == "stop"


async def test_a_message_has_anthropics_shape(client: httpx.AsyncClient) -> None:
    message = (await answer(client, "200", "/v1/messages?beta=true")).json()

    assert (message["type"], message["role"], message["stop_reason"]) == ("message", "assistant", "end_turn")
    assert message["content"] == [{"type": "text", "text": "Hello from north."}]


async def test_a_response_has_the_shape_of_openais_responses_api(client: httpx.AsyncClient) -> None:
    response = (await answer(client, "200", "/v1/responses")).json()

    (message,) = response["output"]
    assert (response["object"], response["status"], response["model"]) == ("response", "completed", "gpt-4o")
    assert (message["type"], message["role"]) == ("message", "assistant")
    assert [(part["type"], part["text"]) for part in message["content"]] == [("output_text", "Hello from north.")]
    assert response["usage"]["total_tokens"] == 14


async def test_embeddings_have_openais_shape(client: httpx.AsyncClient) -> None:
    found = (await answer(client, "200", "/v1/embeddings")).json()

    assert (found["object"], found["data"][0]["object"]) == ("list", "embedding")


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        (CHAT, 429, "rate_limit_exceeded"),
        (CHAT, 503, "server_error"),
        ("/v1/messages", 429, "rate_limit_error"),
        ("/v1/messages", 529, "overloaded_error"),
        ("/v1/messages", 502, "api_error"),
    ],
)
async def test_an_error_has_its_apis_shape(client: httpx.AsyncClient, path: str, status: int, kind: str) -> None:
    response = await answer(client, str(status), path)

    assert response.status_code == status
    assert response.json()["error"]["type"] == kind
    assert ("type" in response.json()) is (path == "/v1/messages")


async def test_a_script_sets_headers_and_body(client: httpx.AsyncClient) -> None:
    """A scripted header takes the place of the provider's own."""
    response = await answer(client, '418(headers={"content-type": "text/plain", "x-a": "1"}, body="short")')

    assert (response.status_code, response.text) == (418, "short")
    assert (response.headers["content-type"], response.headers["x-a"]) == ("text/plain", "1")


async def test_a_response_without_content_has_no_body(client: httpx.AsyncClient) -> None:
    response = await answer(client, "204")

    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers


async def test_echo_describes_the_request_it_got(client: httpx.AsyncClient) -> None:
    body = b'{"model": "m", "text": "\xe2\x82\xac"}'
    async with MockProvider("echo", name="north") as provider:
        response = await client.put(f"{provider.url}/any?a=b", content=body, headers={"X-Custom": "Value"})

    seen = response.json()
    assert (seen["provider"], seen["method"], seen["path"]) == ("north", "PUT", "/any?a=b")
    assert (seen["body"], seen["body_length"]) == (body.decode(), len(body))
    assert seen["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert ["x-custom", "Value"] in seen["headers"]


async def test_a_stream_is_chunked_events_that_end_with_done(client: httpx.AsyncClient) -> None:
    response = await answer(client, "200(sse=3, gap=0)")

    events = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    chunks = [json.loads(event) for event in events[:-1]]
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["transfer-encoding"] == "chunked"
    assert events[-1] == "[DONE]"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "north-1 north-2 north-3 "
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]


async def test_a_stream_of_messages_has_anthropics_events(client: httpx.AsyncClient) -> None:
    response = await answer(client, "200(sse=2, gap=0)", "/v1/messages")

    names = [line.removeprefix("event: ") for line in response.text.split("\n") if line.startswith("event: ")]
    assert names == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


async def test_a_streamed_response_is_opened_said_and_completed(client: httpx.AsyncClient) -> None:
    """Its last event is the whole response: Codex waits for that one."""
    streamed = await answer(client, "200(sse=2, gap=0)", "/v1/responses")

    lines = streamed.text.split("\n")
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert names == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [(event["type"], event["sequence_number"]) for event in events] == [
        (name, n) for n, name in enumerate(names)
    ]
    whole = events[-1]["response"]
    assert (whole["status"], whole["output"][0]["content"][0]["text"]) == ("completed", "north-1 north-2 ")


async def test_a_plain_200_streams_when_the_request_asks_for_it(client: httpx.AsyncClient) -> None:
    """As a real provider would; an error or a scripted body is never streamed."""
    streamed = await answer(client, "200", stream=True)
    failed = await answer(client, "429", stream=True)

    assert streamed.headers["content-type"] == "text/event-stream"
    assert failed.headers["content-type"] == "application/json"
