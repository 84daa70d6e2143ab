"""The listener's timeout, 600 s, speaks before any limit of Envoy's own."""

from __future__ import annotations

import pytest
from unit.bootstrap.doctor.patients import ATTEMPT, ATTEMPT_ROUTE, EDGE, EDGE_ROUTE, ERROR, an_operator, told

DURATION = "max_stream_duration"
COMMON = "common_http_protocol_options"


@pytest.mark.parametrize("value", ["1000s", "299.999s", "0.1s"])
def test_an_edge_that_cuts_streams_is_told(value: str) -> None:
    assert told(an_operator().put(f"{EDGE_ROUTE}.route.timeout", value)) == [
        (ERROR, "edge-timeout", f"{EDGE_ROUTE}.route.timeout")
    ]


@pytest.mark.parametrize(("route", "check"), [(EDGE_ROUTE, "edge-timeout"), (ATTEMPT_ROUTE, "attempt-timeout")])
def test_by_default_a_route_ends_requests_after_15_seconds(route: str, check: str) -> None:
    assert told(an_operator().drop(f"{route}.route.timeout")) == [(ERROR, check, f"{route}.route.timeout")]


def test_an_attempt_has_no_limit_of_its_own() -> None:
    assert told(an_operator().put(f"{ATTEMPT_ROUTE}.route.timeout", "120s")) == [
        (ERROR, "attempt-timeout", f"{ATTEMPT_ROUTE}.route.timeout")
    ]


@pytest.mark.parametrize(
    ("manager", "route", "check"), [(EDGE, EDGE_ROUTE, "edge-timeout"), (ATTEMPT, ATTEMPT_ROUTE, "attempt-timeout")]
)
def test_the_duration_of_a_stream_is_a_limit_too(manager: str, route: str, check: str) -> None:
    """A route's own comes before its listener's, and may be none."""
    place = f"{manager}.{COMMON}"
    operator = an_operator()
    operator.put(place, {DURATION: "60s"})
    assert told(operator) == [(ERROR, check, f"{place}.{DURATION}")]

    operator.put(f"{route}.route.{DURATION}", {DURATION: "50s"})
    assert told(operator) == [(ERROR, check, f"{route}.route.{DURATION}.{DURATION}")]

    operator.put(f"{route}.route.{DURATION}", {DURATION: "0s"})
    assert told(operator) == []


@pytest.mark.parametrize("manager", [EDGE, ATTEMPT])
def test_a_wait_is_not_taken_for_the_end(manager: str) -> None:
    place = f"{manager}.stream_idle_timeout"

    assert told(an_operator().put(place, "60s")) == [(ERROR, "idle-timeout", place)]


@pytest.mark.parametrize("manager", [EDGE, ATTEMPT])
def test_by_default_a_stream_may_be_silent_for_less_than_a_request_may_take(manager: str) -> None:
    """Envoy has 300 s, the listener 600."""
    place = f"{manager}.stream_idle_timeout"

    assert told(an_operator().drop(place)) == [(ERROR, "idle-timeout", place)]


def test_a_routes_idle_timeout_comes_before_its_listeners() -> None:
    place = f"{EDGE_ROUTE}.route.idle_timeout"

    assert told(an_operator().put(place, "30s")) == [(ERROR, "idle-timeout", place)]
