"""The outcome of an attempt, and whether it may be retried."""

from __future__ import annotations

import re

import pytest
from support.policy.builders import CONNECTION_ERROR, SUCCESS, TIMEOUT, final, http

from extproc import names
from extproc.policy.outcome import Kind, Outcome, RetryHint, classify_response


def kinds(*statuses: int, listed: tuple[int, ...] = (), hint: RetryHint | None = None) -> list[Kind]:
    return [classify_response(status, listed=listed, hint=hint) for status in statuses]


def test_below_300_is_success() -> None:
    """1xx and 2xx are delivered as they are; so is the 304 that a client's condition asks for."""
    assert set(kinds(100, 101, 200, 201, 204, 206, 299, 304)) == {Kind.SUCCESS}


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308, 399])
def test_a_redirect_is_a_failure_of_its_target(status: int) -> None:
    """The host that it names has no key of ours, and no client is to go there by itself."""
    assert kinds(status) == [Kind.HTTP]
    assert http(status).redirects
    assert not http(status).transient


def test_only_redirects_lead_elsewhere() -> None:
    assert not any(http(status).redirects for status in (200, 299, 304, 400, 502))


def test_what_may_pass_is_retriable() -> None:
    """408, 424, 425, 429, Groq's 498 and every 5xx."""
    assert set(kinds(408, 424, 425, 429, 498, 500, 501, 502, 503, 504, 520, 529, 599)) == {Kind.HTTP}


def test_a_clients_mistake_is_final() -> None:
    """Every other 4xx is delivered as it is: it is not sent to another vendor."""
    assert set(kinds(400, 401, 403, 404, 407, 409, 413, 422, 423, 426, 428, 430, 497, 499)) == {Kind.FINAL}


def test_a_listed_code_is_retriable() -> None:
    """Whatever its default class: 4xx as well as 3xx."""
    assert kinds(300, 307, 400, 404, 503, listed=(300, 307, 400, 404, 503)) == [Kind.HTTP] * 5


def test_a_code_that_means_success_is_never_retried() -> None:
    """A finished generation is not thrown away because a range in the policy includes it."""
    assert kinds(100, 200, 299, listed=(100, 200, 299)) == [Kind.SUCCESS] * 3


def test_the_provider_may_forbid_a_retry() -> None:
    """`x-should-retry: false` makes final what is retriable by default."""
    assert kinds(408, 429, 500, 503, 404, hint=RetryHint.DO_NOT_RETRY) == [Kind.FINAL] * 5


def test_the_provider_may_ask_for_a_retry() -> None:
    """`x-should-retry: true` makes retriable what is final by default."""
    assert kinds(400, 409, 404, 429, hint=RetryHint.RETRY) == [Kind.HTTP] * 4


def test_the_providers_retry_hint_does_not_touch_success() -> None:
    assert kinds(200, 304, hint=RetryHint.RETRY) == [Kind.SUCCESS] * 2


def test_an_entry_of_the_operator_outweighs_the_providers_retry_hint() -> None:
    """`x-should-retry` overrides the default class, not an explicit on_status_codes entry."""
    assert kinds(429, 404, listed=(429,), hint=RetryHint.DO_NOT_RETRY) == [Kind.HTTP, Kind.FINAL]


def test_what_may_be_followed_by_another_attempt() -> None:
    """Everything but success and what is final or ends the request."""
    assert {kind: Outcome(kind, 500).retriable for kind in Kind} == {
        Kind.SUCCESS: False,
        Kind.FINAL: False,
        Kind.REJECTED: False,
        Kind.UNFIT: True,
        Kind.HTTP: True,
        Kind.TIMEOUT: True,
        Kind.HIGH_LATENCY: True,
        Kind.CONNECTION_ERROR: True,
    }


def test_what_may_have_passed_a_moment_later() -> None:
    """A connection error or a 5xx of the provider's own; a timeout has used up its time already."""
    outcomes = {
        CONNECTION_ERROR: True,
        http(500): True,
        http(503): True,
        http(599): True,
        http(429): False,
        http(499): False,
        Outcome(Kind.HIGH_LATENCY, 503): True,
        Outcome(Kind.HIGH_LATENCY, 429): False,
        TIMEOUT: False,
        SUCCESS: False,
        final(503): False,
        Outcome(Kind.UNFIT, 503): False,
    }

    assert {outcome: outcome.transient for outcome in outcomes} == outcomes


def test_what_may_fare_better_later() -> None:
    """Nothing about the request itself was refused."""
    outcomes = {
        TIMEOUT: True,
        CONNECTION_ERROR: True,
        http(429): True,
        http(408): True,
        http(425): True,
        http(503): True,
        Outcome(Kind.HIGH_LATENCY, 500): True,
        http(404): False,
        http(302): False,
        Outcome(Kind.UNFIT, 401): False,
    }

    assert {outcome: outcome.passing for outcome in outcomes} == outcomes


def test_labels() -> None:
    """What clients and logs read."""
    labels = {
        SUCCESS: "success",
        http(429): "http_429",
        final(404): "http_404",
        Outcome(Kind.UNFIT, 404): "http_404",
        Outcome(Kind.REJECTED, 413): "http_413",
        Outcome(Kind.HIGH_LATENCY, 503): "http_503",
        CONNECTION_ERROR: "connection_error",
        Outcome(Kind.TIMEOUT, 504): "timeout",
        Outcome(Kind.TIMEOUT, 504, limit=2000): "timeout_2000ms",
        Outcome(Kind.TIMEOUT, 504, limit=0): "timeout_0ms",
    }

    assert {outcome: outcome.label for outcome in labels} == labels


def test_envoy_retries_the_same_errors_where_they_were_not_classified() -> None:
    """Those that a policy retries by default: the edge knows no policy."""
    matched = {status for status in range(400, 600) if re.fullmatch(names.RETRIED_UNPROCESSED, str(status))}

    assert matched == {status for status in range(400, 600) if classify_response(status, listed=()) is Kind.HTTP}
