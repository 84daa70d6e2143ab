"""What the edge accepts, and what it responses by itself."""

from __future__ import annotations

import pytest
from support.config import files
from support.doctor.patients import EDGE, EDGE_HOST, EDGE_ROUTE, ERROR, WARNING, an_operator, reported

NAMED = files.gateway(
    files.a_file(listeners=[{"type": "model", "cors": {"allow_origins": ["https://app.example.com"]}}])
)
"""Pages of one origin may call."""

PREFLIGHT = {"name": ":method", "string_match": {"exact": "OPTIONS"}}


def _refusal(*conditions: object) -> object:
    return {"match": {"prefix": "/", "headers": [*conditions]}, "direct_response": {"status": 405}}


def test_with_pages_that_may_call_nothing_is_wrong() -> None:
    """Their preflights have a route that leads nowhere: no attempt leaves on it."""
    assert reported(an_operator(NAMED), NAMED) == []


@pytest.mark.parametrize("setting", ["normalize_path", "merge_slashes"])
@pytest.mark.parametrize("value", [None, False])
def test_paths_are_to_be_normalised(setting: str, value: bool | None) -> None:  # noqa: FBT001 -- a setting's value
    assert reported(an_operator().put(f"{EDGE}.{setting}", value)) == [(WARNING, "edge-paths", f"{EDGE}.{setting}")]


def test_http_1_0_is_to_be_accepted() -> None:
    place = f"{EDGE}.http_protocol_options.accept_http_10"

    assert reported(an_operator().put(place, value=False)) == [(WARNING, "edge-http-1.0", place)]


def test_a_preflight_must_not_get_inside() -> None:
    """Kept by a route of its own, another one gets inside: TRACE."""
    operator = an_operator().put(f"{EDGE_HOST}.routes[1]", _refusal(PREFLIGHT))

    assert reported(operator) == [(ERROR, "edge-methods", EDGE_ROUTE)]


def test_a_route_for_certain_methods_keeps_the_others_out() -> None:
    """As good as one that refuses them: a request that has no route is answered with 404."""
    wanted = {"prefix": "/", "headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|POST"}}}]}
    operator = an_operator().put(f"{EDGE_ROUTE}.match", wanted).drop(f"{EDGE_HOST}.routes[1]")

    assert [check for _, check, _ in reported(operator)] == []


def test_a_refusal_for_some_requests_only_is_none() -> None:
    some = _refusal(PREFLIGHT, {"name": "x-a", "present_match": True})

    assert reported(an_operator().put(f"{EDGE_HOST}.routes[1]", some)) == [(ERROR, "edge-methods", EDGE_ROUTE)]
