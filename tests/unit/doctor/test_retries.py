"""Who tries again, when, and how often."""

from __future__ import annotations

import pytest
from support.doctor.patients import (
    ATTEMPT_HOST,
    ATTEMPT_ROUTE,
    EDGE_HOST,
    EDGE_ROUTE,
    ERROR,
    RETRY,
    WARNING,
    an_operator,
    reported,
    words,
)


def test_an_edge_that_never_tries_again_is_reported() -> None:
    assert reported(an_operator().drop(RETRY)) == [(ERROR, "retry-missing", RETRY)]


def test_the_virtual_hosts_retries_are_the_routes() -> None:
    """A route that has none of its own takes those."""
    operator = an_operator()
    policy = operator.at(RETRY)

    assert reported(operator.drop(RETRY).put(f"{EDGE_HOST}.retry_policy", policy)) == []


def test_the_mark_must_be_looked_at() -> None:
    """One finding: what is not looked at need not be reported twice."""
    assert reported(an_operator().put(f"{RETRY}.retry_on", "")) == [(ERROR, "retry-mark", f"{RETRY}.retry_on")]


def test_the_mark_must_be_among_the_headers() -> None:
    assert reported(an_operator().drop(f"{RETRY}.retriable_headers[0]")) == [
        (ERROR, "retry-mark", f"{RETRY}.retriable_headers")
    ]


@pytest.mark.parametrize(
    "matcher",
    [
        {"exact_match": "1"},
        {"string_match": {"exact": "1"}},
        {"string_match": {"prefix": "1"}},
        {"safe_regex_match": {"regex": "\\d"}},
        {"string_match": {"exact": "spent"}, "invert_match": True},
    ],
)
def test_the_mark_may_be_matched_in_any_way_that_fits_it(matcher: dict[str, object]) -> None:
    operator = an_operator().put(f"{RETRY}.retriable_headers[0]", {"name": "X-Extproc-Redispatch", **matcher})

    assert reported(operator) == []


@pytest.mark.parametrize(
    "matcher", [{}, {"present_match": True}, {"string_match": {"exact": "2"}, "invert_match": True}]
)
def test_a_mark_that_says_that_no_attempt_may_follow_is_not_one_that_asks_for_it(matcher: dict[str, object]) -> None:
    """Envoy itself ends a request by `spent`: who only looks whether the header is there calls providers on and on."""
    operator = an_operator().put(f"{RETRY}.retriable_headers[0]", {"name": "x-extproc-redispatch", **matcher})

    assert reported(operator) == [(ERROR, "retry-mark", f"{RETRY}.retriable_headers")]
    assert "x-extproc-redispatch: spent are final" in words(operator)


@pytest.mark.parametrize(
    "matcher",
    [
        {"present_match": False},
        {"present_match": True, "invert_match": True},
        {"exact_match": "yes"},
        {"range_match": {"start": 1, "end": 2}},
        {"string_match": {"custom": {}}},
    ],
)
def test_a_matcher_that_never_fits_the_mark_is_none(matcher: dict[str, object]) -> None:
    operator = an_operator().put(f"{RETRY}.retriable_headers[0]", {"name": "x-extproc-redispatch", **matcher})

    assert reported(operator) == [(ERROR, "retry-mark", f"{RETRY}.retriable_headers")]


def test_all_requests_may_be_tried_again() -> None:
    operator = an_operator().put(f"{RETRY}.retriable_request_headers", [{"name": "x-safe", "present_match": True}])

    assert reported(operator) == [(ERROR, "retry-mark", f"{RETRY}.retriable_request_headers")]


@pytest.mark.parametrize("regex", ["0", "0|408|425|429", "nothing", "[", "0|408|425|429|500"])
def test_unprocessed_errors_are_tried_again(regex: str) -> None:
    operator = an_operator().put(f"{RETRY}.retriable_headers[1].string_match.safe_regex.regex", regex)

    assert reported(operator) == [(ERROR, "retry-unprocessed", f"{RETRY}.retriable_headers")]


def test_without_a_matcher_nothing_bridges_a_workers_death() -> None:
    assert reported(an_operator().drop(f"{RETRY}.retriable_headers[1]")) == [
        (ERROR, "retry-unprocessed", f"{RETRY}.retriable_headers")
    ]


def test_processed_responses_are_not_retried() -> None:
    """Matching the header's presence would repeat every response."""
    operator = an_operator().put(
        f"{RETRY}.retriable_headers[1]", {"name": "x-extproc-unprocessed", "present_match": True}
    )

    assert reported(operator) == [(ERROR, "retry-unprocessed", f"{RETRY}.retriable_headers")]
    assert "processed" in words(operator)


@pytest.mark.parametrize("more", ["5xx", "gateway-error", "retriable-4xx", "retriable-status-codes", "reset"])
def test_retries_by_response_repeat_what_the_policy_has_ended(more: str) -> None:
    assert reported(an_operator().put(f"{RETRY}.retry_on", f"{more}, retriable-headers")) == [
        (ERROR, "retry-multiplied", f"{RETRY}.retry_on")
    ]


@pytest.mark.parametrize("more", ["connect-failure", "refused-stream", "reset-before-request", "unavailable"])
def test_other_retries_are_not_counted(more: str) -> None:
    assert reported(an_operator().put(f"{RETRY}.retry_on", f"retriable-headers,{more}")) == [
        (WARNING, "retry-multiplied", f"{RETRY}.retry_on")
    ]


@pytest.mark.parametrize(
    ("setting", "value"), [("refresh_cluster_on_retry", True), ("rate_limited_retry_back_off", {"reset_headers": []})]
)
def test_other_ways_to_interfere_are_reported(setting: str, value: object) -> None:
    assert reported(an_operator().put(f"{RETRY}.{setting}", value)) == [
        (WARNING, "retry-multiplied", f"{RETRY}.{setting}")
    ]


@pytest.mark.parametrize("level", [f"{ATTEMPT_ROUTE}.route", ATTEMPT_HOST])
def test_nothing_tries_again_within_an_attempt(level: str) -> None:
    operator = an_operator().drop(f"{ATTEMPT_ROUTE}.route.retry_policy")
    operator.put(f"{level}.retry_policy", {"retry_on": "refused-stream,5xx"})

    assert reported(operator) == [(ERROR, "retry-in-attempt", f"{level}.retry_policy")]


@pytest.mark.parametrize("setting", ["per_try_timeout", "per_try_idle_timeout"])
def test_the_edge_has_no_limit_for_one_attempt(setting: str) -> None:
    assert reported(an_operator().put(f"{RETRY}.{setting}", "30s")) == [(ERROR, "retry-cut", f"{RETRY}.{setting}")]


@pytest.mark.parametrize("level", [f"{EDGE_ROUTE}.route", EDGE_HOST])
def test_attempts_are_not_made_side_by_side(level: str) -> None:
    operator = an_operator().put(f"{level}.hedge_policy", {"hedge_on_per_try_timeout": True})

    assert reported(operator) == [(ERROR, "retry-cut", f"{level}.hedge_policy.hedge_on_per_try_timeout")]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_the_edge_must_not_give_up_before_the_policy(count: int) -> None:
    """It allows ten attempts."""
    assert reported(an_operator().put(f"{RETRY}.num_retries", count)) == [
        (ERROR, "retry-count", f"{RETRY}.num_retries")
    ]


def test_by_default_the_edge_tries_once_more() -> None:
    assert reported(an_operator().drop(f"{RETRY}.num_retries")) == [(ERROR, "retry-count", f"{RETRY}.num_retries")]


def test_a_restart_takes_more_tries_than_the_policy() -> None:
    assert reported(an_operator().put(f"{RETRY}.num_retries", 49)) == [(WARNING, "retry-count", f"{RETRY}.num_retries")]


def test_a_failover_does_not_wait() -> None:
    """Envoy's own back-off begins with 25 ms."""
    assert reported(an_operator().drop(f"{RETRY}.retry_back_off")) == [
        (WARNING, "retry-back-off", f"{RETRY}.retry_back_off")
    ]


def test_tries_without_a_worker_come_ever_further_apart() -> None:
    """By default never further than ten times the first."""
    assert reported(an_operator().drop(f"{RETRY}.retry_back_off.max_interval")) == [
        (WARNING, "retry-back-off", f"{RETRY}.retry_back_off")
    ]
