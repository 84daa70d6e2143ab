"""OpenAI's Responses API: whole responses and streams.

https://platform.openai.com/docs/api-reference/responses and …/responses-streaming
"""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extproc.mock.record import Call

_CREATED = 1_700_000_000  # responses are deterministic


def is_responses(path: str) -> bool:
    """Return whether *path* belongs to the Responses API."""
    return path.partition("?")[0].endswith("/responses")


def response_object(call: Call, name: str, text: str) -> dict[str, object]:
    """Return a completed response with *text*."""
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 14,
    }
    return {**_object(call, name, "completed", [_message(call, name, [_part(text)])]), "usage": usage}


def response_stream(call: Call, name: str, words: Sequence[str]) -> Iterator[bytes]:
    """Yield the events of a response with *words*, in groups that are sent together.

    There is a group for each word; the first one opens the response, the last one ends it.
    """
    numbers = count()
    place: dict[str, object] = {"output_index": 0}
    within = {**place, "item_id": _item(call, name), "content_index": 0}
    text = "".join(words)

    def event(kind: str, **fields: object) -> bytes:
        value = {"type": kind, "sequence_number": next(numbers), **fields}
        return b"event: " + kind.encode() + b"\ndata: " + json.dumps(value).encode() + b"\n\n"

    begun = _object(call, name, "in_progress", [])
    head = (
        event("response.created", response=begun)
        + event("response.in_progress", response=begun)
        + event("response.output_item.added", item=_message(call, name, [], "in_progress"), **place)
        + event("response.content_part.added", part=_part(""), **within)
    )
    for word in words:
        yield head + event("response.output_text.delta", delta=word, logprobs=[], **within)
        head = b""
    yield (
        event("response.output_text.done", text=text, logprobs=[], **within)
        + event("response.content_part.done", part=_part(text), **within)
        + event("response.output_item.done", item=_message(call, name, [_part(text)]), **place)
        + event("response.completed", response=response_object(call, name, text))
    )


def _object(call: Call, name: str, status: str, output: list[object]) -> dict[str, object]:
    return {
        "id": f"resp_{name}_{call.number}",
        "object": "response",
        "created_at": _CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": call.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
    }


def _message(call: Call, name: str, content: list[object], status: str = "completed") -> dict[str, object]:
    return {"id": _item(call, name), "type": "message", "role": "assistant", "status": status, "content": content}


def _part(text: str) -> dict[str, object]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _item(call: Call, name: str) -> str:
    return f"msg_{name}_{call.number}"
