"""Responses in the format of the requested API, which contain the provider's name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.mock.responses_api import is_responses, response_object
from extproc.mock.step import Action

if TYPE_CHECKING:
    from extproc.mock.record import Call
    from extproc.mock.step import Step

SIGNATURE = "x-mock-provider"
"""Response header that names the provider."""

_CREATED = 1_700_000_000  # responses are deterministic
_BODILESS = frozenset({204, 205, 304})

_OPENAI_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_exceeded",
}
_ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response, without the framing of the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def compose(step: Step, call: Call, name: str) -> Response:
    """Return the response of provider *name* to *call* for *step*."""
    if step.action is Action.ECHO:
        body = json.dumps({"provider": name, **call.as_json()})
    elif step.body is not None:
        body = step.body
    else:
        body = json.dumps(_error(step.status, call, name) if step.status >= 400 else _success(call, name))
    encoded = b"" if step.status in _BODILESS else body.encode()
    return Response(
        step.status, _headers(step, name, "application/json", length=None if step.chunked else len(encoded)), encoded
    )


def compose_stream_head(step: Step, name: str) -> Response:
    """Return status and headers of a streamed response; its length is not known in advance."""
    return Response(step.status, _headers(step, name, "text/event-stream", length=None), b"")


def is_messages(path: str) -> bool:
    """Return whether *path* belongs to Anthropic's Messages API."""
    return path.partition("?")[0].endswith("/messages")


def _headers(step: Step, name: str, content_type: str, *, length: int | None) -> tuple[tuple[str, str], ...]:
    framing = [("transfer-encoding", "chunked")] if length is None else [("content-length", str(length))]
    if step.status in _BODILESS:
        framing = []
    own = [("content-type", content_type), (SIGNATURE, name)]
    scripted = {header for header, _ in step.headers}
    return (*(pair for pair in [*own, *framing] if pair[0] not in scripted), *step.headers)


def _success(call: Call, name: str) -> dict[str, object]:
    path = call.path.partition("?")[0]
    text = f"Hello from {name}."
    if is_messages(path):
        return {
            "id": f"msg_{name}_{call.number}",
            "type": "message",
            "role": "assistant",
            "model": call.model,
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 4},
        }
    if is_responses(path):
        return response_object(call, name, text)
    if path.endswith("/embeddings"):
        return {
            "object": "list",
            "model": call.model,
            "data": [{"object": "embedding", "index": 0, "embedding": [0.0, 0.25, -0.5]}],
            "usage": {"prompt_tokens": 10, "total_tokens": 10},
        }
    return {
        "id": f"chatcmpl-{name}-{call.number}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": call.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14},
    }


def _error(status: int, call: Call, name: str) -> dict[str, object]:
    message = f"{name} is scripted to return {status}"
    if is_messages(call.path):
        return {"type": "error", "error": {"type": _ANTHROPIC_ERRORS.get(status, "api_error"), "message": message}}
    kind = _OPENAI_ERRORS.get(status, "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
