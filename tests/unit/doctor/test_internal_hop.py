"""The cluster between edge and attempt, and what responses of attempts carry."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.doctor.patients import (
    ATTEMPT_HOST,
    ATTEMPT_ROUTE,
    EDGE,
    EDGE_ROUTE,
    ERROR,
    GATEWAY,
    HTTP,
    INSIDE,
    WARNING,
    an_operator,
    reported,
)

from extproc.config.gateway import RetryBudget

BUDGETED = replace(GATEWAY, envoy=replace(GATEWAY.envoy, retry_budget=RetryBudget(20.0, 10)))
THRESHOLD = f"{INSIDE}.circuit_breakers.thresholds[0]"
CHAIN = f"{INSIDE}.{HTTP}.http_filters"
SOURCE = f"{CHAIN}[0].typed_config.default_source_code"


@pytest.mark.parametrize("value", [3, 100, 999_999])
def test_every_request_may_be_dispatched_again(value: int) -> None:
    """At the same time: in an outage of the first provider they all want to."""
    assert reported(an_operator().put(f"{THRESHOLD}.max_retries", value)) == [
        (ERROR, "max-retries", f"{THRESHOLD}.max_retries")
    ]


def test_by_default_only_three_are_let_through() -> None:
    """Of 1024."""
    place = f"{INSIDE}.circuit_breakers.thresholds"

    assert reported(an_operator().drop(f"{INSIDE}.circuit_breakers")) == [
        (ERROR, "max-retries", f"{place}.max_retries")
    ]


def test_no_more_than_there_may_be_requests() -> None:
    """A smaller limit for both is the operator's own decision."""
    operator = an_operator().put(f"{THRESHOLD}.max_retries", 50).put(f"{THRESHOLD}.max_requests", 50)

    assert reported(operator) == []


def test_an_urgent_route_has_limits_of_its_own() -> None:
    """Envoy keeps them apart by priority."""
    operator = an_operator().put(f"{EDGE_ROUTE}.route.priority", "HIGH")
    place = f"{INSIDE}.circuit_breakers.thresholds"
    assert reported(operator) == [(ERROR, "max-retries", f"{place}.max_retries")]

    assert reported(operator.put(f"{THRESHOLD}.priority", "HIGH")) == []


@pytest.mark.parametrize(
    "budget",
    [
        {},
        {"budget_percent": {"value": 20}},
        {"budget_percent": {"value": 19.5}, "min_retry_concurrency": 10},
        {"budget_percent": {}, "min_retry_concurrency": 10},
        {"budget_percent": {"value": 100}, "min_retry_concurrency": 9},
    ],
)
def test_a_budget_tighter_than_the_configurations_is_reported(budget: object) -> None:
    """It says 20 % and 10; Envoy's own default is 20 % and 3."""
    assert reported(an_operator().put(f"{THRESHOLD}.retry_budget", budget), BUDGETED) == [
        (ERROR, "retry-budget", f"{THRESHOLD}.retry_budget")
    ]


def test_a_budget_as_wide_as_the_configurations_is_none_of_our_business() -> None:
    """Envoy takes it instead of max_retries."""
    budget = {"budget_percent": {"value": 20.0}, "min_retry_concurrency": 10}
    operator = an_operator().put(f"{THRESHOLD}.retry_budget", budget).put(f"{THRESHOLD}.max_retries", 3)

    assert reported(operator, BUDGETED) == []


def test_a_budget_that_nothing_asked_for_is_reported() -> None:
    """Every failover of an outage is a retry."""
    budget = {"budget_percent": {"value": 20.0}, "min_retry_concurrency": 10}

    assert reported(an_operator().put(f"{THRESHOLD}.retry_budget", budget)) == [
        (ERROR, "retry-budget", f"{THRESHOLD}.retry_budget")
    ]


def test_without_its_carrier_the_state_is_lost() -> None:
    assert reported(an_operator().drop(f"{CHAIN}[0]")) == [(ERROR, "state-carrier", CHAIN)]


def test_a_carrier_that_is_switched_off_carries_nothing() -> None:
    assert reported(an_operator().put(f"{CHAIN}[0].disabled", value=True)) == [(ERROR, "state-carrier", CHAIN)]


@pytest.mark.parametrize(
    "script", ["", "function envoy_on_response(handle) handle:headers():remove('x-extproc-state') end"]
)
def test_another_script_does_not_carry_the_state(script: str) -> None:
    """Both ways are needed."""
    assert reported(an_operator().put(f"{SOURCE}.inline_string", script)) == [(ERROR, "state-carrier", CHAIN)]


def test_the_older_way_to_write_a_script_is_read_too() -> None:
    operator = an_operator()
    script = operator.at(f"{SOURCE}.inline_string")

    assert reported(operator.drop(SOURCE).put(f"{CHAIN}[0].typed_config.inline_code", script)) == []


def test_a_script_in_a_file_of_its_own_cannot_be_checked() -> None:
    assert reported(an_operator().put(SOURCE, {"filename": "carry.lua"})) == [(WARNING, "state-carrier", SOURCE)]


def test_the_edges_router_may_carry_it() -> None:
    """Its upstream filters stand before a cluster without a chain of its own."""
    operator = an_operator()
    chain = operator.at(CHAIN)
    operator.drop(CHAIN).put(f"{EDGE}.http_filters[3].typed_config.upstream_http_filters", chain)

    assert reported(operator) == []


def test_unprocessed_responses_are_marked() -> None:
    assert reported(an_operator().drop(f"{ATTEMPT_HOST}.response_headers_to_add[0]")) == [
        (ERROR, "unprocessed-mark", f"{ATTEMPT_ROUTE}.response_headers_to_add")
    ]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("header.value", "yes"), ("append_action", "OVERWRITE_IF_EXISTS_OR_ADD"), ("append_action", None)],
)
def test_only_those_and_with_their_status(setting: str, value: object) -> None:
    """Overwriting it would mark every response as unprocessed."""
    place = f"{ATTEMPT_HOST}.response_headers_to_add[0]"

    assert reported(an_operator().put(f"{place}.{setting}", value)) == [(ERROR, "unprocessed-mark", place)]


def test_a_route_may_mark_them_as_well() -> None:
    operator = an_operator()
    marks = operator.at(f"{ATTEMPT_HOST}.response_headers_to_add")
    operator.drop(f"{ATTEMPT_HOST}.response_headers_to_add")

    assert reported(operator.put(f"{ATTEMPT_ROUTE}.response_headers_to_add", marks)) == []


def test_a_carrier_of_the_operators_own_need_not_count_calls() -> None:
    """It has no settings at its head."""
    operator = an_operator()
    script = str(operator.at(f"{SOURCE}.inline_string")).partition("MOST_CALLS")[2]

    assert reported(operator.put(f"{SOURCE}.inline_string", script)) == []
