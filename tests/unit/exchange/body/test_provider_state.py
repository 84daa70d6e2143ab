from __future__ import annotations

import json

import pytest

from extproc.exchange.body.provider_state import refers_to_state


def a_body(**fields: object) -> bytes:
    """Return the body of a request with *fields*."""
    return json.dumps({"model": "m", **fields}).encode()


def said(*content: object) -> bytes:
    """Return the body of a request whose first message has *content*."""
    return a_body(messages=[{"role": "user", "content": list(content)}])


@pytest.mark.parametrize(
    "body",
    [
        a_body(previous_response_id="resp_1"),
        b'{"previous_response_id" :\n "resp_1"}',
        a_body(conversation="conv_1"),
        a_body(conversation={"id": "conv_1"}),
        a_body(prompt={"id": "pmpt_1", "version": "2"}),
        a_body(container="container_1"),
        a_body(container={"id": "container_1", "skills": []}),
        a_body(container={"skills": [{"type": "custom", "skill_id": "skill_1"}]}),
        a_body(input=[{"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAA"}]),
        a_body(input=[{"type": "item_reference", "id": "rs_1"}]),
        a_body(input=[{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]),
        a_body(tools=[{"type": "file_search", "vector_store_ids": ["vs_1"]}]),
        a_body(tools=[{"type": "code_interpreter", "container": "cntr_1"}]),
        a_body(tools=[{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]),
        said({"type": "file", "file": {"file_id": "file-1"}}),
        said({"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
        said({"type": "web_search_tool_result", "content": [{"encrypted_content": "Eo0B"}]}),
        a_body(messages=[{"role": "assistant", "audio": {"id": "audio_1"}}]),
        a_body(images=[{"file_id": "file-1"}]),
        b'{"previous_response_id": "a\x01b"}',
        b'{"file_id": "x" oops',
        b'{"file_id": "x", "a": ' + b"[" * 600 + b"]" * 600 + b"}",
    ],
)
def test_what_only_one_provider_has_is_seen(body: bytes) -> None:
    """And what cannot be read is taken for it."""
    assert refers_to_state(body)


@pytest.mark.parametrize(
    "body",
    [
        a_body(),
        a_body(previous_response_id=None),
        a_body(previous_response_id=""),
        a_body(conversation=None),
        a_body(prompt="a picture of a cat"),
        a_body(store=True),
        a_body(metadata={"conversation": "c", "file_id": "f", "container": "c"}),
        a_body(messages=[{"role": "user", "content": 'my "file_id" is "file-1"'}]),
        a_body(messages=[{"role": "user", "content": '{"previous_response_id": "x"}'}]),
        a_body(
            tools=[{"type": "function", "function": {"parameters": {"properties": {"file_id": {"type": "string"}}}}}]
        ),
        a_body(tools=[{"name": "f", "input_schema": {"properties": {"container": {"type": "string"}}}}]),
        a_body(tools=[{"name": "f", "input_schema": {"file_id": "x"}}]),
        a_body(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}]),
        a_body(tools=[{"type": "file_search", "vector_store_ids": []}]),
        said({"type": "tool_use", "id": "t", "name": "open", "input": {"file_id": "mine"}}),
        a_body(input=[{"type": "reasoning", "encrypted_content": None}]),
        a_body(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
        a_body(messages=[{"role": "user", "content": "item_reference"}], note="item_reference"),
        a_body(file_id=7),
        b'["previous_response_id"]',
    ],
)
def test_what_is_the_clients_own_is_not_taken_for_it(body: bytes) -> None:
    """Names in texts, in the definitions of tools, in notes; and what is there, but empty."""
    assert not refers_to_state(body)
