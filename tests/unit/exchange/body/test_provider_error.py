"""What errors say in their bodies alone."""

from __future__ import annotations

import json

import pytest

from extproc.exchange.body.provider_error import (
    LONGEST,
    account_is_refused,
    model_is_unknown,
    read_error,
    repeated_headers,
    retry_delay,
)

RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def gemini(delay: object) -> dict[str, object]:
    """Return the error that Google's generative language API responds with a 429 with."""
    return {
        "code": 429,
        "message": "You exceeded your current quota. Please retry in 34.074824224s.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaValue": "15"}]},
            {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
            {"@type": RETRY_INFO, "retryDelay": delay},
        ],
    }


@pytest.mark.parametrize(
    ("delay", "wait"),
    [
        ("34s", 34_000),
        ("34.074824224s", 34_075),  # rounded up: a wait must never be too short
        ("0s", 0),
        ("0.000000001s", 1),
        ("35397.723541104s", 35_397_724),
        ("-1s", None),
        ("", None),
        ("s", None),
        ("soon", None),
        ("1e3s", None),
        ("99999999999999999999s", None),
        (34, None),
        (None, None),
        ({"seconds": 34}, None),
    ],
)
def test_googles_wait_is_read(delay: object, wait: int | None) -> None:
    """A protobuf duration, in JSON: seconds with up to nine digits behind the point."""
    assert retry_delay(gemini(delay)) == wait


def test_a_list_of_one_is_read_like_what_it_holds() -> None:
    """Google's OpenAI-compatible endpoint responds with such a list."""
    bare, listed = (json.dumps(body).encode() for body in ({"error": gemini("34s")}, [{"error": gemini("34s")}]))

    assert read_error(bare) == read_error(listed) == gemini("34s")


@pytest.mark.parametrize(
    "details",
    [None, "34s", {}, [], ["34s"], [None], [{"retryDelay": "34s"}], [{"@type": RETRY_INFO}], [{"@type": "…/Help"}]],
)
def test_nothing_else_is_a_wait(details: object) -> None:
    assert retry_delay({"message": "Please retry in 34s.", "details": details}) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[]",
        b"[[]]",
        b'[{"error": {"code": 1}}, {}]',
        b'"error"',
        b'{"error": null}',
        b'{"error": "insufficient_quota"}',
        b'{"error": ["code"]}',
        b"[" * 10_000,
        b'{"error": {"code": "insufficient_quota"}}' + b" " * LONGEST,
    ],
)
def test_what_cannot_be_read_says_nothing(body: bytes) -> None:
    """Nor does what is longer than needed, or nested without end."""
    assert read_error(body) == {}


KEY_INVALID = {
    "code": 400,
    "message": "API key not valid. Please pass a valid API key.",
    "status": "INVALID_ARGUMENT",
    "details": [
        {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US"},
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"},
    ],
}
NO_BALANCE = {
    "type": "invalid_request_error",
    "message": "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade.",
}


@pytest.mark.parametrize(
    "error",
    [
        {"code": "insufficient_quota"},
        {"type": "insufficient_quota", "code": None},
        {"type": "billing_not_active", "code": None, "message": "Your account is not active."},
        {"code": "billing_hard_limit_reached", "type": "invalid_request_error"},
        {"type": "exceeded_current_quota_error", "message": "Your account is suspended due to insufficient balance"},
        {"code": "1113", "message": "您的账户已欠费,请充值后重试"},
        {"code": 1113},
        {"code": "Arrearage", "type": "Arrearage"},
        KEY_INVALID,
        # Google's OpenAI-compatible endpoint gives no details.
        {"code": 400, "message": "Please pass a valid API key", "status": "INVALID_ARGUMENT"},
        {"code": 400, "message": "API key expired. Please renew the API key.", "status": "INVALID_ARGUMENT"},
        {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT"},
        NO_BALANCE,
    ],
)
def test_an_account_that_is_refused_has_a_name(error: dict[str, object]) -> None:
    assert account_is_refused(error)


@pytest.mark.parametrize(
    "error",
    [
        {},
        {"code": ["insufficient_quota"], "type": {}},
        {"code": "rate_limit_exceeded", "message": "insufficient_quota"},
        {"type": "rate_limit_reached_error"},  # Moonshot: too many requests
        {"code": "1302"},  # Zhipu: the same
        {"code": 113},
        {"code": True},
        {**KEY_INVALID, "message": "Invalid value", "details": "API_KEY_INVALID"},
        {**KEY_INVALID, "message": "Invalid value", "details": [None, {"reason": ["API_KEY_INVALID"]}]},
        {**KEY_INVALID, "message": "Invalid value: 'API key not valid'", "details": []},
        {**NO_BALANCE, "message": "What does 'Your credit balance is too low' mean?"},
        {**NO_BALANCE, "message": None},
    ],
)
def test_any_other_error_is_not_about_the_account(error: dict[str, object]) -> None:
    assert not account_is_refused(error)


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        ({"code": "model_not_found", "type": "invalid_request_error"}, True),
        ({"code": "DeploymentNotFound"}, True),
        ({"type": "resource_not_found_error"}, True),
        ({"code": "1211"}, True),
        ({"type": "not_found_error", "message": "model: claude-0"}, True),
        ({"type": "not_found_error", "message": 'model "llama0" not found, try pulling it first'}, True),
        ({"code": 404, "status": "NOT_FOUND", "message": "models/gemini-0 is not found for API version v1main"}, True),
        ({"type": "not_found_error", "message": "file: file-1"}, False),
        ({"type": "invalid_request_error", "message": "model must be a string"}, False),
        ({"type": "not_found_error", "message": ["model"]}, False),
        ({"code": "unknown_url"}, False),
        ({}, False),
    ],
)
def test_a_model_that_is_unknown_has_a_name(error: dict[str, object], *, unknown: bool) -> None:
    """A 404 may be about anything: a file, a stored response, a path."""
    assert model_is_unknown(error) is unknown


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (
            {"metadata": {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": 1793275230000, "x": None}}},
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1793275230000"},
        ),
        ({"metadata": {"headers": ["X-RateLimit-Reset"]}}, {}),
        ({"metadata": "x"}, {}),
        ({}, {}),
    ],
)
def test_headers_that_an_error_repeats(error: dict[str, object], headers: dict[str, str]) -> None:
    """OpenRouter's."""
    assert repeated_headers(error) == headers
