"""What an attempt ended in, and whether that may be tried again."""

from __future__ import annotations

import pytest
from support.policy.builders import CONNECTION_ERROR, SUCCESS, TIMEOUT, final, http

from extproc.policy.outcome import Flag, Kind, Outcome, RetryHint, classify_local_reply, classify_response


def kinds(*statuses: int, listed: tuple[int, ...] = (), hint: RetryHint | None = None) -> list[Kind]:
    return [classify_response(status, listed=listed, hint=hint) for status in statuses]


def test_below_300_is_success() -> None:
    """1xx and 2xx are delivered as they are; so is the 304 that a client's condition asks for."""
    assert set(kinds(100, 101, 200, 201, 204, 206, 299, 304)) == {Kind.SUCCESS}


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308, 399])
def test_a_redirect_is_a_failure_of_its_target(status: int) -> None:
    """Whoever is meant by it has no key of ours, and no client is to go there by itself."""
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


def test_the_providers_wish_does_not_touch_success() -> None:
    assert kinds(200, 304, hint=RetryHint.RETRY) == [Kind.SUCCESS] * 2


def test_an_entry_of_the_operator_outweighs_the_providers_wish() -> None:
    """`x-should-retry` overrides the default class, not an explicit on_status_codes entry."""
    assert kinds(429, 404, listed=(429,), hint=RetryHint.DO_NOT_RETRY) == [Kind.HTTP, Kind.FINAL]


@pytest.mark.parametrize(
    "flag",
    [
        Flag.NO_HEALTHY_UPSTREAM,
        Flag.LOCAL_RESET,
        Flag.UPSTREAM_REMOTE_RESET,
        Flag.UPSTREAM_CONNECTION_FAILURE,
        Flag.UPSTREAM_CONNECTION_TERMINATION,
        Flag.UPSTREAM_OVERFLOW,
        Flag.NO_ROUTE_FOUND,
        Flag.UPSTREAM_PROTOCOL_ERROR,
        Flag.NO_CLUSTER_FOUND,
        Flag.DNS_RESOLUTION_FAILED,
    ],
)
def test_a_provider_that_could_not_be_reached_is_a_connection_error(flag: Flag) -> None:
    """Refused, reset, no healthy host, broken before any answer: whatever status Envoy gives it."""
    assert {classify_local_reply(status, flag) for status in (404, 502, 503)} == {Kind.CONNECTION_ERROR}


@pytest.mark.parametrize(
    "flag",
    [
        Flag.UPSTREAM_REQUEST_TIMEOUT,
        Flag.STREAM_IDLE_TIMEOUT,
        Flag.MAX_STREAM_DURATION,
        Flag.DURATION_TIMEOUT,
    ],
)
def test_a_provider_that_kept_silent_is_a_timeout(flag: Flag) -> None:
    """The router's limit, or the idle timeout before headers: even if the connection was reset because of it."""
    assert classify_local_reply(504, flag) is Kind.TIMEOUT
    assert classify_local_reply(504, flag | Flag.LOCAL_RESET) is Kind.TIMEOUT


@pytest.mark.parametrize(
    "flag",
    [Flag.DOWNSTREAM_CONNECTION_TERMINATION, Flag.DOWNSTREAM_PROTOCOL_ERROR, Flag.DOWNSTREAM_REMOTE_RESET],
)
def test_a_client_that_has_gone_ends_the_request(flag: Flag) -> None:
    """Nobody waits for another attempt, whatever else went wrong."""
    assert classify_local_reply(503, flag) is Kind.REJECTED
    assert classify_local_reply(503, flag | Flag.UPSTREAM_REQUEST_TIMEOUT | Flag.LOCAL_RESET) is Kind.REJECTED


def test_envoys_refusal_of_the_request_ends_it() -> None:
    """413 by Envoy's own buffer limit comes without a flag, and would come again."""
    assert [classify_local_reply(status, 0) for status in (413, 400, 431, 499)] == [Kind.REJECTED] * 4


def test_envoys_5xx_without_a_reason_we_know_is_a_connection_error() -> None:
    """The provider has not answered, so nothing is generated twice."""
    unknown = 1 << 40

    assert [classify_local_reply(status, unknown) for status in (500, 503)] == [Kind.CONNECTION_ERROR] * 2


def test_the_bits_are_envoys() -> None:
    """Positions of CoreResponseFlag in Envoy's `stream_info.h`, by short name."""
    assert {flag.name: flag.bit_length() - 1 for flag in Flag} == {
        "NO_HEALTHY_UPSTREAM": 1,
        "UPSTREAM_REQUEST_TIMEOUT": 2,
        "LOCAL_RESET": 3,
        "UPSTREAM_REMOTE_RESET": 4,
        "UPSTREAM_CONNECTION_FAILURE": 5,
        "UPSTREAM_CONNECTION_TERMINATION": 6,
        "UPSTREAM_OVERFLOW": 7,
        "NO_ROUTE_FOUND": 8,
        "DOWNSTREAM_CONNECTION_TERMINATION": 14,
        "STREAM_IDLE_TIMEOUT": 16,
        "DOWNSTREAM_PROTOCOL_ERROR": 18,
        "MAX_STREAM_DURATION": 19,
        "DURATION_TIMEOUT": 22,
        "UPSTREAM_PROTOCOL_ERROR": 23,
        "NO_CLUSTER_FOUND": 24,
        "DNS_RESOLUTION_FAILED": 26,
        "DOWNSTREAM_REMOTE_RESET": 28,
    }


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
