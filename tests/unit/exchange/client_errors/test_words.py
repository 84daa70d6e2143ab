"""Every refusal of ours, word for word: developers read it in a stack trace, and programs branch on the rest."""

from __future__ import annotations

import json
from functools import partial

import pytest

from extproc.exchange.body.encoding import Undecodable
from extproc.exchange.body.model_field import Malformed
from extproc.exchange.client_errors import errors
from extproc.exchange.events import ImmediateResponse
from extproc.policy.outcome import Kind
from extproc.policy.target import Api

JSON = ("content-type", "application/json")
Refusal = partial[ImmediateResponse]
ONCE_MORE = "so it was not sent again. Send the request once more."
NO_MODEL = (
    "The request names no model: give the name of one as the string `model` in the JSON body, as the part `model` of a "
    "form, or in the header x-arch-llm-provider-hint."
)
LONG = "m" * 200

WORDS: list[tuple[Refusal, int, str, str, str | None]] = [
    (
        partial(errors.malformed_body, malformed=Malformed("it is empty")),
        *(400, "invalid_json", "The request body is not valid JSON: it is empty.", None),
    ),
    (partial(errors.no_model), 400, "missing_model", NO_MODEL, "model"),
    (
        partial(errors.model_not_found, named="x", serving=["a/b", "c/d"]),
        *(400, "model_not_found", "The model `x` is not configured in this gateway. Models that can: a/b, c/d."),
        "model",
    ),
    (
        partial(errors.model_not_found, named=LONG, serving=[]),
        *(400, "model_not_found"),
        f"The model `{LONG}` is not configured in this gateway. No configured model supports this API ({{api}}).",
        "model",
    ),
    (
        partial(errors.api_not_supported, named=f"{LONG}x", serving=["a/b"]),
        *(400, "model_not_found"),
        f"The model `{LONG}…` cannot be used through this API ({{api}}). Models that can: a/b.",
        "model",
    ),
    (
        partial(errors.api_not_supported, named="x", serving=[]),
        *(400, "model_not_found"),
        "The model `x` cannot be used through this API ({api}). No configured model supports this API ({api}).",
        "model",
    ),
    (
        partial(errors.body_undecodable, why=Undecodable("it is in braille")),
        *(415, "unsupported_body", "The request body cannot be read: it is in braille.", None),
    ),
    (
        partial(errors.body_undecodable, why=Undecodable("it is 10 GB", too_large=True)),
        *(413, "request_too_large", "The request body cannot be read: it is 10 GB.", None),
    ),
    (
        partial(errors.body_mismatch),
        *(500, "body_mismatch", f"The request body changed between two attempts, {ONCE_MORE}", None),
    ),
    (
        partial(errors.state_unreadable),
        *(500, "state_unreadable", f"The gateway lost track of this request's attempts, {ONCE_MORE}", None),
    ),
    (
        partial(errors.redirected),
        *(502, "provider_redirect"),
        "The model provider responded with a redirect, which is not followed: its base_url here is wrong.",
        None,
    ),
    (
        partial(errors.no_response, kind=Kind.HTTP, status=429),
        *(429, "response_lost"),
        "The model provider responded with HTTP status 429, and the rest of its response was lost.",
        None,
    ),
    (
        partial(errors.local_reply, status=431),
        *(431, "gateway_error", "The gateway rejected the request (HTTP status 431).", None),
    ),
]


@pytest.mark.parametrize(("refusal", "status", "code", "message", "param"), WORDS)
@pytest.mark.parametrize("request_id", ["", "r"])
def test_a_refusal_is_meant_word_for_word(  # noqa: PLR0917
    refusal: Refusal, status: int, code: str, message: str, param: str | None, request_id: str
) -> None:
    given = {"request_id": request_id} if request_id else {}
    chat, messages = refusal(Api.CHAT, **given), refusal(Api.MESSAGES, **given)

    error = json.loads(chat.body)["error"]
    assert (chat.status, error["code"], error["param"]) == (status, code, param)
    assert error["message"] == message.format(api=Api.CHAT)
    assert json.loads(messages.body)["error"]["message"] == message.format(api=Api.MESSAGES)
    known = {name: value for name, value in messages.headers if "request-id" in name}
    assert known == ({"x-request-id": "r", "request-id": "r"} if request_id else {})
    assert json.loads(messages.body).get("request_id") == (request_id or None)


def test_an_unknown_path_is_an_error_that_lists_the_supported_ones() -> None:
    error = json.loads(errors.path_not_supported(Api.OTHER).body)["error"]

    assert error["code"] == "unknown_path"
    assert error["message"].startswith(
        "This path is not supported, and no provider was called. Supported: /v1/chat/completions, /v1/completions, "
    )
    assert error["message"].endswith(", /v1/models, and what a provider keeps (/v1/files, /v1/batches and the like).")
