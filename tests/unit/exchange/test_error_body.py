"""What errors say in their bodies alone."""

from __future__ import annotations

import json

import pytest

from extproc.exchange.error_body import LONGEST, quota_is_used_up, read_error, retry_delay

RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def gemini(delay: object) -> dict[str, object]:
    """Return the error that Google's generative language API answers a 429 with."""
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
    """Google's OpenAI-compatible endpoint answers with such a list."""
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
    """Nor does what is longer than anybody asked for, or nested without end."""
    assert read_error(body) == {}


@pytest.mark.parametrize(
    ("error", "used_up"),
    [
        ({"code": "insufficient_quota"}, True),
        ({"type": "insufficient_quota", "code": None}, True),
        ({"code": ["insufficient_quota"], "type": {}}, False),
        ({"code": "rate_limit_exceeded", "message": "insufficient_quota"}, False),
        ({}, False),
    ],
)
def test_a_quota_that_is_used_up_has_a_code(error: dict[str, object], *, used_up: bool) -> None:
    assert quota_is_used_up(error) is used_up
