"""The listener's timeout, 600 s, speaks before any limit of Envoy's own."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
from support.config import files
from support.doctor.patients import (
    ATTEMPT,
    ATTEMPT_HOST,
    ATTEMPT_LISTENER,
    ATTEMPT_ROUTE,
    EDGE,
    EDGE_ROUTE,
    ERROR,
    WARNING,
    an_operator,
    reported,
)

from extproc import names

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway

DURATION = "max_stream_duration"
COMMON = "common_http_protocol_options"


@pytest.mark.parametrize("value", ["1000s", "299.999s", "0.1s"])
def test_an_edge_that_cuts_streams_is_reported(value: str) -> None:
    assert reported(an_operator().put(f"{EDGE_ROUTE}.route.timeout", value)) == [
        (ERROR, "edge-timeout", f"{EDGE_ROUTE}.route.timeout")
    ]


@pytest.mark.parametrize(("route", "check"), [(EDGE_ROUTE, "edge-timeout"), (ATTEMPT_ROUTE, "attempt-timeout")])
def test_by_default_a_route_ends_requests_after_15_seconds(route: str, check: str) -> None:
    assert reported(an_operator().drop(f"{route}.route.timeout")) == [(ERROR, check, f"{route}.route.timeout")]


def test_an_attempt_has_no_limit_of_its_own() -> None:
    assert reported(an_operator().put(f"{ATTEMPT_ROUTE}.route.timeout", "120s")) == [
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
    assert reported(operator) == [(ERROR, check, f"{place}.{DURATION}")]

    operator.put(f"{route}.route.{DURATION}", {DURATION: "50s"})
    assert reported(operator) == [(ERROR, check, f"{route}.route.{DURATION}.{DURATION}")]

    operator.put(f"{route}.route.{DURATION}", {DURATION: "0s"})
    assert reported(operator) == []


@pytest.mark.parametrize("manager", [EDGE, ATTEMPT])
def test_a_wait_is_not_taken_for_the_end(manager: str) -> None:
    place = f"{manager}.stream_idle_timeout"

    assert reported(an_operator().put(place, "60s")) == [(ERROR, "idle-timeout", place)]


@pytest.mark.parametrize("manager", [EDGE, ATTEMPT])
def test_by_default_a_stream_may_be_silent_for_less_than_a_request_may_take(manager: str) -> None:
    """Envoy has 300 s, the listener 600."""
    place = f"{manager}.stream_idle_timeout"

    assert reported(an_operator().drop(place)) == [(ERROR, "idle-timeout", place)]


def test_a_routes_idle_timeout_comes_before_its_listeners() -> None:
    place = f"{EDGE_ROUTE}.route.idle_timeout"

    assert reported(an_operator().put(place, "30s")) == [(ERROR, "idle-timeout", place)]


PATIENT = files.gateway(files.a_file(files.a_provider(timeouts={"between_bytes": "1200s"}), files.a_provider(files.S)))
QUICK = files.gateway(files.a_file(files.a_provider(timeouts={"between_bytes": "60s"}), files.a_provider(files.S)))
OF_OTHERS = f"{ATTEMPT_HOST}.routes[1]"


@pytest.mark.parametrize("gateway", [PATIENT, QUICK])
def test_a_providers_own_limit_on_silence_may_be_longer_or_shorter(gateway: Gateway) -> None:
    """The edge waits for the longest of them, or it would be the one that ends a stream."""
    assert reported(an_operator(gateway), gateway) == []


def test_an_edge_is_not_to_end_what_a_provider_may_be_silent_for() -> None:
    place = f"{EDGE}.stream_idle_timeout"

    assert reported(an_operator(PATIENT).put(place, "630s"), PATIENT) == [(ERROR, "idle-timeout", place)]


def test_a_limit_of_one_provider_is_not_another_ones() -> None:
    operator = an_operator(QUICK).drop(f"{ATTEMPT_ROUTE}.match.headers")

    assert reported(operator, QUICK) == [(ERROR, "idle-timeout", f"{ATTEMPT_ROUTE}.route.idle_timeout")]


@pytest.mark.parametrize("limit", ["0s", "61s"])
def test_silence_that_nothing_ends_in_time_is_reported(limit: str) -> None:
    place = f"{ATTEMPT_ROUTE}.route.idle_timeout"

    assert reported(an_operator(QUICK).put(place, limit), QUICK) == [(WARNING, "idle-timeout", place)]


def test_without_a_route_of_its_own_a_provider_has_the_limit_of_all() -> None:
    place = f"{ATTEMPT}.stream_idle_timeout"

    assert reported(an_operator(QUICK).drop(ATTEMPT_ROUTE), QUICK) == [(WARNING, "idle-timeout", place)]
    assert reported(an_operator(PATIENT).drop(ATTEMPT_ROUTE), PATIENT) == [(ERROR, "idle-timeout", place)]


def test_a_route_for_some_requests_only_is_looked_at_with_the_one_behind_it() -> None:
    some = {"name": "x-some", "present_match": True}
    operator = an_operator(QUICK)
    operator.insert(f"{ATTEMPT_HOST}.routes[0]", copy.deepcopy(operator.at(OF_OTHERS)))
    operator.put(f"{ATTEMPT_ROUTE}.match.headers", [some]).put(f"{ATTEMPT_ROUTE}.route.idle_timeout", "30s")

    assert reported(operator, QUICK) == [(ERROR, "idle-timeout", f"{ATTEMPT_ROUTE}.route.idle_timeout")]


def test_without_the_sidecar_the_default_provider_may_be_silent_for_as_long_and_no_longer() -> None:
    default = files.a_provider(default=True, timeouts={"between_bytes": "60s"})
    gateway = files.gateway(files.a_file(default, sidecar={"on_failure": "default_provider"}))
    operator = an_operator(gateway)

    assert operator.at(f"{ATTEMPT_ROUTE}.route.cluster") == names.DEGRADED_CLUSTER
    assert operator.at(f"{ATTEMPT_ROUTE}.route.idle_timeout") == "60s"


def test_every_listener_of_attempts_is_looked_at() -> None:
    """Attempts at one provider may come through any of them."""
    operator = an_operator()
    chains = f"{ATTEMPT_LISTENER}.filter_chains"
    operator.insert(f"{chains}[0]", copy.deepcopy(operator.at(f"{chains}[0]")))
    place = f"{chains}[1].filters[0].typed_config.stream_idle_timeout"

    assert reported(operator.put(place, "60s")) == [(ERROR, "idle-timeout", place)]
