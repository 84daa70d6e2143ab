"""Streamed responses: server-sent events in the format of the API that a request's path names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from extproc.mock.http_response import is_messages
from extproc.mock.responses_api import is_responses, response_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.mock.record import Call

_CREATED = 1_700_000_000


def stream(call: Call, name: str, count: int) -> Iterator[bytes]:
    """Yield *count* events of content and the closing ones, in groups that are sent together.

    The first group opens the response and holds the first event; the last group ends it.
    """
    if is_messages(call.path):
        return _messages(call, name, count)
    if is_responses(call.path):
        return response_stream(call, name, _words(name, count))
    return _chat(call, name, count)


def _words(name: str, count: int) -> list[str]:
    return [f"{name}-{number} " for number in range(1, count + 1)]


def _chat(call: Call, name: str, count: int) -> Iterator[bytes]:
    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        return _data(
            {
                "id": f"chatcmpl-{name}-{call.number}",
                "object": "chat.completion.chunk",
                "created": _CREATED,
                "model": call.model,
                "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
            }
        )

    for number, word in enumerate(_words(name, count)):
        yield chunk({"role": "assistant", "content": word} if number == 0 else {"content": word})
    yield chunk({}, "stop") + b"data: [DONE]\n\n"


def _messages(call: Call, name: str, count: int) -> Iterator[bytes]:
    message: dict[str, object] = {
        "id": f"msg_{name}_{call.number}",
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    head = _event("message_start", {"message": message}) + _event(
        "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
    )
    for word in _words(name, count):
        yield head + _event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": word}})
        head = b""
    yield (
        _event("content_block_stop", {"index": 0})
        + _event(
            "message_delta",
            {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": count}},
        )
        + _event("message_stop", {})
    )


def _data(value: dict[str, object]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _event(kind: str, value: dict[str, object]) -> bytes:
    return b"event: " + kind.encode() + b"\n" + _data({"type": kind, **value})
