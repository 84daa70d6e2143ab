"""Classifies the response to an attempt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.bodies.compressors import WAYS, gzipped

from extproc.exchange.classify import is_local_reply, needs_body, outcome_of
from extproc.exchange.envoy_flags import Flag
from extproc.exchange.events import ResponseHeaders
from extproc.policy.outcome import Kind, Outcome, Refusal
from extproc.policy.rules import Policy, RetryAfterHandling, Rule
from extproc.policy.units import Instant

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = Instant(1_700_000_000_000)


def response(status: int, *, flags: int = 0, details: str = "via_upstream", **headers: str) -> ResponseHeaders:
    return ResponseHeaders(status, {name.replace("_", "-"): value for name, value in headers.items()}, flags, details)


def classified(event: ResponseHeaders, policy: Policy | None = None, *, limit: int | None = None) -> Outcome:
    return outcome_of(event, policy, limit=limit, now=NOW)


def test_a_providers_429_brings_its_wait() -> None:
    assert classified(response(429, retry_after="2")) == Outcome(Kind.HTTP, 429, retry_after=2000)


def test_a_final_responses_wait_is_not_read() -> None:
    """Retry-After is read from retriable responses only: a 404 blocks no target."""
    assert classified(response(404, retry_after="2")) == Outcome(Kind.FINAL, 404)


def test_envoys_timeout_carries_the_limit_it_ran_into() -> None:
    event = response(504, flags=Flag.UPSTREAM_REQUEST_TIMEOUT, details="response_timeout")

    assert classified(event, limit=2000) == Outcome(Kind.TIMEOUT, 504, limit=2000)


def test_a_refused_connection_is_a_502_whatever_envoy_calls_it() -> None:
    event = response(503, flags=Flag.UPSTREAM_CONNECTION_FAILURE, details="upstream_reset_before_response_started{…}")

    assert classified(event, limit=2000) == Outcome(Kind.CONNECTION_ERROR, 502)


def test_a_local_reply_without_flags_ends_the_request() -> None:
    """Envoy's own 413 is about the request itself: no other provider would see it differently."""
    assert classified(response(413, details="request_payload_too_large")) == Outcome(Kind.REJECTED, 413)


@pytest.mark.parametrize(
    ("event", "local"),
    [
        (response(503), False),
        (response(503, details=""), False),
        (response(413, details="request_payload_too_large"), True),
        (response(503, details="", flags=Flag.NO_HEALTHY_UPSTREAM), True),
    ],
)
def test_a_provider_is_distinguished_from_envoy_by_details_and_flags(event: ResponseHeaders, *, local: bool) -> None:
    assert is_local_reply(event) is local


@pytest.mark.parametrize(
    ("status", "hint", "kind"),
    [
        (429, "false", Kind.FINAL),
        (400, "true", Kind.HTTP),
        (400, " True ", Kind.HTTP),
        (400, "maybe", Kind.FINAL),
        (418, "false", Kind.HTTP),  # listed: the operator's word is stronger
    ],
)
def test_a_provider_may_ask_for_a_retry_or_against_it(status: int, hint: str, kind: Kind) -> None:
    policy = Policy(Rule("default"), on_status={418: Rule("on_status_codes[0]")})

    assert classified(response(status, x_should_retry=hint), policy).kind is kind


def readable(status: int = 429, *, length: str = "80", details: str = "via_upstream") -> ResponseHeaders:
    return response(status, details=details, content_type="application/json", content_length=length)


def compressed(coding: str) -> ResponseHeaders:
    return response(429, content_type="application/json", content_encoding=coding)


POLICY = Policy(Rule("default"), retry_after=RetryAfterHandling(cap=120_000))


@pytest.mark.parametrize(
    ("event", "policy", "more"),
    [
        (readable(), POLICY, True),
        (readable(), None, False),  # no policy would use it
        (readable(503), POLICY, False),
        (response(429, content_type="text/plain", content_length="80"), POLICY, False),
        (response(429, content_type="application/json"), POLICY, True),  # its end shows
        (readable(400), POLICY, True),
        (readable(404), POLICY, True),
        *[(readable(status), POLICY, False) for status in (200, 401, 402, 403, 413, 422, 500)],
        (compressed("gzip"), POLICY, True),
        (compressed("zstd"), POLICY, True),
        (compressed("br"), POLICY, False),
        (compressed("gzip, gzip"), POLICY, False),
        (readable(length="0"), POLICY, False),
        (readable(length="16385"), POLICY, False),
        (readable(length="80, 80"), POLICY, False),
        (readable(length="9" * 5_000), POLICY, False),
        (readable(details="rate_limited"), POLICY, False),
    ],
)
def test_only_a_short_body_that_is_needed_is_worth_reading(
    event: ResponseHeaders, policy: Policy | None, *, more: bool
) -> None:
    assert needs_body(event, policy) is more


@pytest.mark.parametrize("place", ["code", "type"])
def test_a_quota_that_is_used_up_is_a_wait_of_the_longest_kind(place: str) -> None:
    """Asking again soon cannot help, so it does not matter what Retry-After says."""
    body = json.dumps({"error": {"message": "You exceeded your current quota.", place: "insufficient_quota"}}).encode()

    got = outcome_of(response(429, retry_after="1"), POLICY, limit=None, now=NOW, body=body)

    assert got == Outcome(Kind.HTTP, 429, retry_after=120_000)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"insufficient_quota"',
        b"\xff",
        b"[" * 100_000,
        b"[" * 10_000,
        b'{"error": null}',
        b'{"error": "insufficient_quota"}',
        b'{"error": {"code": ["insufficient_quota"], "type": {}}}',
        b'{"error": {"code": "rate_limit_exceeded", "message": "insufficient_quota"}}',
        b'{"error": {"code": "insufficient_quota"}}' + b" " * 16_384,  # longer than it said it would be
    ],
)
def test_any_other_429_is_what_its_headers_say(body: bytes) -> None:
    got = outcome_of(response(429, retry_after="1"), POLICY, limit=None, now=NOW, body=body)

    assert got == Outcome(Kind.HTTP, 429, retry_after=1000)


@pytest.mark.parametrize(("reported", "wait"), [("", 34_000), ("2", 34_000), ("40", 40_000)])
def test_the_longest_wait_wins_wherever_it_is(reported: str, wait: int) -> None:
    """Google says it in the body."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
    body = json.dumps([{"error": {"code": 429, "details": [info]}}]).encode()

    got = outcome_of(response(429, retry_after=reported), POLICY, limit=None, now=NOW, body=body)

    assert got == Outcome(Kind.HTTP, 429, retry_after=wait)


def outcome_for(status: int, error: object, **headers: str) -> Outcome:
    """Return the outcome of a response with that *error* in its body."""
    body = json.dumps({"error": error}).encode()
    event = ResponseHeaders(status, {name.replace("_", "-"): value for name, value in headers.items()})
    return outcome_of(event, POLICY, limit=None, now=NOW, body=body)


@pytest.mark.parametrize(("coding", "compress"), WAYS.items(), ids=WAYS)
def test_a_compressed_body_means_the_same(coding: str, compress: Callable[[bytes], bytes]) -> None:
    body = compress(b'{"error": {"code": "insufficient_quota"}}')

    got = outcome_of(response(429, content_encoding=coding), POLICY, limit=None, now=NOW, body=body)

    assert got == Outcome(Kind.HTTP, 429, retry_after=120_000)


@pytest.mark.parametrize(
    "body",
    [b"{}", gzipped(b" " * 16_385), gzipped(b'{"error": {"code": ')[:-9]],
    ids=["not compressed", "too long", "cut off"],
)
def test_a_compressed_body_that_cannot_be_read_means_nothing(body: bytes) -> None:
    got = outcome_of(response(429, content_encoding="gzip"), POLICY, limit=None, now=NOW, body=body)

    assert got == Outcome(Kind.HTTP, 429)


def test_a_limit_in_the_body_is_read() -> None:
    """OpenRouter's: by the clock of the response."""
    error = {"metadata": {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1793278830000"}}}

    assert outcome_for(429, error, date="Thu, 29 Oct 2026 13:00:00 GMT").retry_after == 30_000
    assert outcome_for(429, error, date="Thu, 29 Oct 2026 13:00:00 GMT", retry_after="31").retry_after == 31_000


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (400, {"message": "Your credit balance is too low"}, Outcome(Kind.FINAL, 400, refusal=Refusal.ACCOUNT)),
        (400, {"details": [{"reason": "API_KEY_INVALID"}]}, Outcome(Kind.FINAL, 400, refusal=Refusal.ACCOUNT)),
        (404, {"code": "model_not_found"}, Outcome(Kind.FINAL, 404, refusal=Refusal.MODEL)),
        (400, {"code": "model_not_found"}, Outcome(Kind.FINAL, 400)),
        (404, {"code": "insufficient_quota"}, Outcome(Kind.FINAL, 404)),
        (400, {"message": "max_tokens is too large"}, Outcome(Kind.FINAL, 400)),
        (422, {"code": "insufficient_quota"}, Outcome(Kind.FINAL, 422)),
    ],
)
def test_a_refusal_of_the_account_or_the_model_is_distinguished_from_a_clients_mistake(
    status: int, error: object, outcome: Outcome
) -> None:
    assert outcome_for(status, error) == outcome


def test_only_a_429_asks_to_be_left_alone_for_its_account() -> None:
    """A listed 400 is a failure like any other: one key of several may do."""
    listed = Policy(Rule("default"), on_status={400: Rule("on_status_codes[0]")})

    got = outcome_of(response(400), listed, limit=None, now=NOW, body=b'{"error": {"code": "insufficient_quota"}}')

    assert got == Outcome(Kind.HTTP, 400, refusal=Refusal.ACCOUNT)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_keys_wait_is_read(status: int) -> None:
    """Final for the request, unless another key is there; the refused one rests for as long as was said."""
    assert classified(response(status, retry_after="2")) == Outcome(Kind.FINAL, status, retry_after=2000)
