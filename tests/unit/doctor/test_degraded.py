"""Requests without the sidecar: they go to the default target, and nothing else does."""

from __future__ import annotations

from support.config import files
from support.doctor.patients import (
    ATTEMPT,
    ATTEMPT_HOST,
    ERROR,
    HTTP,
    INSIDE,
    an_operator,
    reported,
)

from extproc import names
from extproc.bootstrap.lua_filters import state_script

ROUTE = f"{ATTEMPT_HOST}.routes[0]"
CARRIER = f"{INSIDE}.{HTTP}.http_filters"

NAMED = {"match": {"prefix": "/"}, "route": {"cluster_header": names.CLUSTER, "timeout": "0s"}}

FAIL_OPEN = {"name": names.DEGRADED, "present_match": True}
UNDECIDED = {"name": names.CLUSTER, "present_match": False}
PLAIN = {"name": "content-encoding", "present_match": False}

GATEWAY = files.gateway(
    files.a_file(
        files.a_provider(default=True, retry_policy={}),
        files.a_provider(files.S),
        sidecar={"on_failure": "default_provider"},
    )
)


def test_nothing_is_found_in_what_render_writes() -> None:
    assert reported(an_operator(GATEWAY), GATEWAY) == []


def test_without_the_route_requests_would_be_refused() -> None:
    operator = an_operator(GATEWAY).put(f"{ATTEMPT_HOST}.routes", [NAMED])

    assert reported(operator, GATEWAY) == [(ERROR, "degraded-route", f"{ATTEMPT}.route_config")]


def test_a_route_that_sends_nothing_on_takes_nothing() -> None:
    match = {"prefix": "/", "headers": [FAIL_OPEN]}
    refusing = {"match": match, "direct_response": {"status": 503}}
    operator = an_operator(GATEWAY).put(f"{ATTEMPT_HOST}.routes", [refusing, NAMED])

    assert reported(operator, GATEWAY) == [(ERROR, "degraded-route", f"{ATTEMPT}.route_config")]


def test_what_a_worker_has_decided_on_must_not_be_taken() -> None:
    """A worker may come back just then: the request carries another provider's credential by now."""
    operator = an_operator(GATEWAY).put(f"{ROUTE}.match.headers", [FAIL_OPEN, PLAIN])

    assert reported(operator, GATEWAY) == [(ERROR, "degraded-decided", f"{ROUTE}.match.headers")]


def test_what_nothing_can_read_must_not_be_taken() -> None:
    """A compressed body may name any model: whichever it is, it would be sent to the default."""
    operator = an_operator(GATEWAY).put(f"{ROUTE}.match.headers", [FAIL_OPEN, UNDECIDED])

    assert reported(operator, GATEWAY) == [(ERROR, "degraded-encoded", f"{ROUTE}.match.headers")]


def test_an_older_script_lets_nothing_through() -> None:
    older = state_script(most_calls=99, fail_open=False)
    operator = an_operator(GATEWAY).put(f"{CARRIER}[0].typed_config.default_source_code", {"inline_string": older})

    assert reported(operator, GATEWAY) == [(ERROR, "degraded-fail-open", CARRIER)]


def test_who_refuses_requests_needs_nothing_of_it() -> None:
    """Not even an operator who has prepared for more."""
    refusing = files.gateway(files.a_file(files.a_provider(default=True, retry_policy={}), files.a_provider(files.S)))

    assert reported(an_operator(refusing), refusing) == []
    assert reported(an_operator(GATEWAY), refusing) == []
