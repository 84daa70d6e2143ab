"""A body that the configuration allows is kept until its last attempt."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.doctor.patients import (
    ATTEMPT_HOST,
    ATTEMPT_LISTENER,
    ATTEMPT_ROUTE,
    EDGE,
    EDGE_HOST,
    EDGE_LISTENER,
    EDGE_ROUTE,
    ERROR,
    WARNING,
    an_operator,
    reported,
)

MIB = 1024 * 1024
ALLOWED = 64 * MIB
LIMIT = "request_body_buffer_limit"
BUFFER = f"{EDGE}.http_filters[2]"


@pytest.mark.parametrize(
    "place", [f"{EDGE_HOST}.{LIMIT}", f"{ATTEMPT_HOST}.{LIMIT}", f"{BUFFER}.typed_config.max_request_bytes"]
)
@pytest.mark.parametrize("value", [ALLOWED - 1, str(ALLOWED - 1), 0])
def test_a_limit_below_the_configurations_is_reported(place: str, value: object) -> None:
    """Envoy writes large numbers as strings."""
    assert reported(an_operator().put(place, value)) == [(ERROR, "body-limit", place)]


@pytest.mark.parametrize("host", [EDGE_HOST, ATTEMPT_HOST])
def test_the_default_is_far_too_small(host: str) -> None:
    """A MiB."""
    assert reported(an_operator().drop(f"{host}.{LIMIT}")) == [(ERROR, "body-limit", f"{host}.{LIMIT}")]


@pytest.mark.parametrize(("listener", "host"), [(EDGE_LISTENER, EDGE_HOST), (ATTEMPT_LISTENER, ATTEMPT_HOST)])
def test_the_listeners_buffer_is_as_good(listener: str, host: str) -> None:
    operator = an_operator().drop(f"{host}.{LIMIT}").put(f"{listener}.per_connection_buffer_limit_bytes", 2 * ALLOWED)

    assert reported(operator) == []


def test_a_routes_limit_comes_before_its_hosts() -> None:
    assert reported(an_operator().put(f"{ATTEMPT_ROUTE}.{LIMIT}", MIB)) == [
        (ERROR, "body-limit", f"{ATTEMPT_ROUTE}.{LIMIT}")
    ]


def test_the_older_setting_cannot_exceed_the_listeners_buffer() -> None:
    """It looks as if it did."""
    older = f"{ATTEMPT_HOST}.per_request_buffer_limit_bytes"
    operator = an_operator().drop(f"{ATTEMPT_HOST}.{LIMIT}").put(older, ALLOWED)

    assert reported(operator) == [(ERROR, "body-limit", older)]


def test_an_older_envoy_counts_twice_at_the_edge() -> None:
    """Of a file nothing knows which Envoy it is for."""
    operator = an_operator().put(f"{EDGE_HOST}.{LIMIT}", ALLOWED)
    place = f"{EDGE_HOST}.{LIMIT}"

    assert reported(operator) == [(WARNING, "body-counted-twice", place)]
    assert reported(replace(operator.envoy_config(), version=(1, 39, 3))) == [(ERROR, "body-counted-twice", place)]
    assert reported(replace(operator.envoy_config(), version=(1, 40, 0))) == []


def test_what_the_edge_takes_attempts_must_take() -> None:
    """Else the client waits for a 413 that it could have had at once."""
    operator = an_operator().put(f"{BUFFER}.typed_config.max_request_bytes", ALLOWED + 1)

    assert reported(operator) == [(WARNING, "body-limits-apart", f"{ATTEMPT_HOST}.{LIMIT}")]


def test_attempts_may_take_more() -> None:
    assert reported(an_operator().put(f"{ATTEMPT_HOST}.{LIMIT}", 2 * ALLOWED)) == []


def test_the_edge_must_wait_for_the_whole_request() -> None:
    """And then both limits are the same, as no filter counts before the router."""
    operator = an_operator().drop(BUFFER).put(f"{EDGE_HOST}.{LIMIT}", ALLOWED)

    assert reported(operator) == [(ERROR, "body-whole", f"{EDGE}.http_filters")]


def test_a_route_of_the_edge_that_leads_elsewhere_may_take_less() -> None:
    """It has nothing to do with attempts."""
    other = {"match": {"prefix": "/files"}, "route": {"cluster": "files"}, LIMIT: 10}

    assert reported(an_operator().insert(EDGE_ROUTE, other)) == []
