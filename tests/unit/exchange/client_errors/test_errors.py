from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from extproc.exchange.body.encoding import Undecodable
from extproc.exchange.body.model_field import Malformed
from extproc.exchange.client_errors import errors
from extproc.exchange.events import ImmediateResponse
from extproc.policy.outcome import Kind
from extproc.policy.target import Api

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = ("content-type", "application/json")
Refusal = partial[ImmediateResponse]

REFUSALS = [
    partial(errors.malformed_body, malformed=Malformed("it is empty")),
    errors.no_model,
    partial(errors.model_not_found, named="x", serving=["openai/gpt-4o"]),
    partial(errors.body_too_large, limit=10),
    errors.body_mismatch,
    errors.state_unreadable,
    partial(errors.no_response, kind=Kind.TIMEOUT, status=504),
    partial(errors.no_response, kind=Kind.CONNECTION_ERROR, status=502),
    partial(errors.no_response, kind=Kind.REJECTED, status=413),
    partial(errors.local_reply, status=404),
    partial(errors.local_reply, status=500),
    partial(errors.local_reply, status=503),
    partial(errors.no_response, kind=Kind.FINAL, status=400),
    partial(errors.malformed_body, malformed=Malformed("it does not end", "multipart/form-data")),
    partial(errors.body_undecodable, why=Undecodable("it is 10 GB", too_large=True)),
]


def error_of(response: ImmediateResponse) -> dict[str, str | None]:
    """Return the error in *response*."""
    error: dict[str, str | None] = json.loads(response.body)["error"]
    return error


def test_openais_shape() -> None:
    """All four fields are there, absent ones as null: SDKs read them all."""
    response = errors.error_response(
        Api.CHAT, status=400, type_="t", message="m", code="c", param="p", request_id="request-1"
    )

    assert (response.status, response.headers) == (400, (JSON, ("x-request-id", "request-1")))
    assert json.loads(response.body) == {"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}
    assert error_of(errors.error_response(Api.OTHER, status=500, type_="t", message="m")) == {
        "message": "m",
        "type": "t",
        "param": None,
        "code": None,
    }


def test_anthropics_shape() -> None:
    """An envelope of type error; the request id is part of the body there, and its header has a name of its own."""
    with_id = errors.error_response(Api.MESSAGES, status=400, type_="t", message="m", code="c", request_id="request-1")
    without = errors.error_response(Api.MESSAGES, status=400, type_="t", message="m")

    assert json.loads(with_id.body) == {
        "type": "error",
        "error": {"type": "t", "message": "m"},
        "request_id": "request-1",
    }
    assert json.loads(without.body) == {"type": "error", "error": {"type": "t", "message": "m"}}
    assert without.headers == (JSON,)


@pytest.mark.parametrize(
    ("response", "status", "openai", "anthropic", "code"),
    [
        (REFUSALS[0], 400, "invalid_request_error", "invalid_request_error", "invalid_json"),
        (REFUSALS[1], 400, "invalid_request_error", "invalid_request_error", "missing_model"),
        (REFUSALS[2], 400, "invalid_request_error", "invalid_request_error", "model_not_found"),
        (REFUSALS[3], 413, "invalid_request_error", "request_too_large", "request_too_large"),
        (REFUSALS[4], 500, "server_error", "api_error", "body_mismatch"),
        (REFUSALS[5], 500, "server_error", "api_error", "state_unreadable"),
        (REFUSALS[6], 504, "server_error", "timeout_error", "timeout"),
        (REFUSALS[7], 502, "server_error", "api_error", "connection_error"),
        (REFUSALS[8], 413, "invalid_request_error", "request_too_large", "request_too_large"),
        (REFUSALS[9], 404, "invalid_request_error", "not_found_error", "gateway_error"),
        (REFUSALS[10], 500, "server_error", "api_error", "gateway_error"),
        (REFUSALS[11], 503, "server_error", "overloaded_error", "overloaded"),
        (REFUSALS[12], 400, "invalid_request_error", "invalid_request_error", "response_lost"),
        (REFUSALS[13], 400, "invalid_request_error", "invalid_request_error", "invalid_form"),
        (REFUSALS[14], 413, "invalid_request_error", "request_too_large", "request_too_large"),
    ],
)
def test_each_refusal_has_the_type_that_its_api_knows(
    response: Callable[..., ImmediateResponse], status: int, openai: str, anthropic: str, code: str
) -> None:
    """SDKs choose their exception by the status, and programs branch on type and code."""
    chat, messages = response(Api.CHAT, request_id="r"), response(Api.MESSAGES, request_id="r")

    assert (chat.status, error_of(chat)["type"], error_of(chat)["code"]) == (status, openai, code)
    assert (messages.status, error_of(messages)["type"]) == (status, anthropic)
    assert chat.headers == (JSON, ("x-request-id", "r"))
    assert messages.headers == (*chat.headers, ("request-id", "r"))


def test_a_malformed_body_is_reported_with_its_problem() -> None:
    """What is wrong, and where."""
    response = errors.malformed_body(Api.CHAT, Malformed("expecting value at byte 6"))

    assert error_of(response)["message"] == "The request body is not valid JSON: expecting value at byte 6."


def test_an_unknown_model_is_reported_with_those_there_are() -> None:
    """The developer sees the typing error at once; the parameter at fault is named."""
    error = error_of(errors.model_not_found(Api.CHAT, "gtp-4o", ["openai/gpt-4o", "mistral/*"]))

    assert error["message"] == (
        "The model `gtp-4o` is not configured in this gateway. Models that can: openai/gpt-4o, mistral/*."
    )
    assert error["param"] == "model"


def test_a_model_of_another_api_is_reported_with_those_that_support_it() -> None:
    """Or that there is none: then the file is what has to change."""
    some = error_of(errors.api_not_supported(Api.MESSAGES, "openai/gpt-4o", ["anthropic/x"]))
    none = error_of(errors.api_not_supported(Api.MESSAGES, "openai/gpt-4o", []))

    assert some["message"] == (
        "The model `openai/gpt-4o` cannot be used through this API (messages). Models that can: anthropic/x."
    )
    assert none["message"] == (
        "The model `openai/gpt-4o` cannot be used through this API (messages). "
        "No configured model supports this API (messages)."
    )


def test_of_a_long_name_only_the_beginning_is_repeated() -> None:
    """A client may put anything there, of any length."""
    short, long = (error_of(errors.model_not_found(Api.CHAT, "x" * length, []))["message"] for length in (200, 201))

    assert "`" + "x" * 200 + "`" in str(short)
    assert "`" + "x" * 200 + "…`" in str(long)


def test_any_name_can_be_repeated() -> None:
    """Quotes, line breaks and half surrogate pairs come back as JSON escapes."""
    named = 'a"\\\n\x00\ud83d'
    response = errors.model_not_found(Api.MESSAGES, named, [])

    assert response.body.isascii()
    assert named in str(error_of(response)["message"])


def test_the_limit_is_reported() -> None:
    """So that the client can keep to it."""
    assert "67,108,864 bytes" in str(error_of(errors.body_too_large(Api.CHAT, 67_108_864))["message"])
