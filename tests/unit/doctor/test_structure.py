"""An edge, an attempt listener, and a way from one to the other."""

from __future__ import annotations

from support.doctor.patients import (
    ATTEMPT,
    ATTEMPT_HOST,
    ATTEMPT_LISTENER,
    ATTEMPT_ROUTE,
    CLUSTERS,
    EDGE,
    EDGE_HOST,
    EDGE_LISTENER,
    EDGE_ROUTE,
    ERROR,
    INSIDE,
    WARNING,
    an_operator,
    reported,
)

LISTENERS = "static_resources.listeners"
SOCKET = {"socket_address": {"address": "127.0.0.1", "port_value": 12001}}
CATCH_ALL = {"match": {"prefix": "/"}, "route": {"cluster": "openai"}}


def test_nothing_is_found_in_what_render_writes() -> None:
    """Every other test here changes one thing in it."""
    assert reported(an_operator()) == []


def test_a_missing_attempt_listener_is_reported() -> None:
    assert reported(an_operator().drop(ATTEMPT_LISTENER)) == [(ERROR, "attempt-listener", LISTENERS)]


def test_a_missing_edge_is_reported() -> None:
    assert reported(an_operator().drop(EDGE_LISTENER)) == [(ERROR, "edge-listener", LISTENERS)]


def test_an_edge_that_sends_requests_straight_to_a_provider_is_no_edge() -> None:
    """They would have no failover."""
    assert reported(an_operator().put(f"{EDGE_ROUTE}.route.cluster", "openai")) == [(ERROR, "edge-listener", LISTENERS)]


def test_weights_may_lead_to_attempts_as_well() -> None:
    """The route is checked like any other."""
    weighted = {"clusters": [{"name": "attempt", "weight": 90}, {"name": "old", "weight": 10}]}
    operator = an_operator().drop(f"{EDGE_ROUTE}.route.cluster").put(f"{EDGE_ROUTE}.route.weighted_clusters", weighted)

    assert reported(operator) == []


def test_a_missing_way_inside_is_reported() -> None:
    assert reported(an_operator().drop(INSIDE)) == [(ERROR, "attempt-cluster", CLUSTERS)]


def test_a_way_inside_must_lead_to_the_attempt_listener() -> None:
    """By its name it is the one, and it leads to another port."""
    address = f"{INSIDE}.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address"
    operator = an_operator().put(address, SOCKET)

    assert reported(operator) == [(ERROR, "attempt-cluster", f"{INSIDE}.load_assignment")]
    assert reported(an_operator().put(address, {"other": {}})) == []
    assert reported(an_operator().drop(f"{INSIDE}.load_assignment")) == []


def test_other_names_are_as_good_as_ours() -> None:
    """What something does counts, not what it is called."""
    inside = {"envoy_internal_address": {"server_listener_name": "tries"}}
    operator = (
        an_operator()
        .put(f"{ATTEMPT_LISTENER}.name", "tries")
        .put(f"{INSIDE}.name", "loop")
        .put(f"{INSIDE}.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address", inside)
        .put(f"{EDGE_ROUTE}.route.cluster", "loop")
    )

    assert reported(operator) == []


def test_an_attempt_listener_with_an_address_can_be_reached_by_others() -> None:
    """Also when the way inside leads there properly."""
    operator = (
        an_operator()
        .drop(f"{ATTEMPT_LISTENER}.internal_listener")
        .put(f"{ATTEMPT_LISTENER}.address", SOCKET)
        .put(f"{INSIDE}.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address", SOCKET)
    )

    assert reported(operator) == [(ERROR, "attempt-exposed", f"{ATTEMPT_LISTENER}.address")]


def test_an_attempt_route_must_ask_the_sidecar() -> None:
    """With a fixed cluster every attempt goes to the same provider."""
    operator = an_operator().put(f"{ATTEMPT_ROUTE}.route", {"cluster": "openai", "timeout": "0s"})

    assert reported(operator) == [(ERROR, "attempt-route", ATTEMPT_ROUTE)]


def test_another_header_is_not_the_sidecars() -> None:
    assert reported(an_operator().put(f"{ATTEMPT_ROUTE}.route.cluster_header", "x-provider")) == [
        (ERROR, "attempt-route", ATTEMPT_ROUTE)
    ]


def test_attempts_without_any_route_are_reported() -> None:
    assert reported(an_operator().put(f"{ATTEMPT_HOST}.routes", [])) == [
        (ERROR, "attempt-route", f"{ATTEMPT}.route_config")
    ]


def test_a_route_before_the_one_that_asks_takes_its_requests() -> None:
    operator = an_operator().insert(ATTEMPT_ROUTE, CATCH_ALL)

    assert reported(operator) == [(ERROR, "attempt-route", ATTEMPT_ROUTE)]


def test_a_route_for_certain_requests_may_stand_before() -> None:
    """An operator has put it there on purpose."""
    some = {
        "match": {"prefix": "/", "headers": [{"name": "x-tenant", "present_match": True}]},
        "route": {"cluster": "a"},
    }

    assert reported(an_operator().insert(ATTEMPT_ROUTE, some)) == []


def test_routes_of_a_listener_that_has_no_part_are_not_checked() -> None:
    """An Envoy may serve other things."""
    operator = an_operator()
    other = {"name": "other", "address": SOCKET, "filter_chains": [{"filters": [{"name": "tcp"}]}]}

    assert reported(operator.insert("static_resources.listeners[0]", other)) == []


def test_routes_from_elsewhere_cannot_be_checked() -> None:
    """One warning; nothing is said about what may well be there."""
    rds = {"rds": {"route_config_name": "edge", "config_source": {"ads": {}}}}
    operator = an_operator().drop(f"{EDGE}.route_config").put(f"{EDGE}.rds", rds["rds"])

    assert reported(operator) == [(WARNING, "dynamic-config", f"{EDGE}.rds")]


def test_attempt_routes_from_elsewhere_cannot_be_checked() -> None:
    """The listener is found because it is inside."""
    operator = an_operator().drop(f"{ATTEMPT}.route_config").put(f"{ATTEMPT}.rds", {"route_config_name": "attempt"})

    assert reported(operator) == [(WARNING, "dynamic-config", f"{ATTEMPT}.rds")]


def test_virtual_hosts_from_elsewhere_cannot_be_checked() -> None:
    operator = an_operator().put(f"{EDGE}.route_config.vhds", {"config_source": {"ads": {}}})

    assert reported(operator) == [(WARNING, "dynamic-config", f"{EDGE}.route_config.vhds")]


def test_a_tree_of_matchers_cannot_be_checked() -> None:
    operator = an_operator().drop(f"{EDGE_HOST}.routes").put(f"{EDGE_HOST}.matcher", {"matcher_tree": {}})

    assert reported(operator) == [(WARNING, "dynamic-config", f"{EDGE_HOST}.matcher")]


def test_scoped_routes_cannot_be_checked() -> None:
    operator = an_operator().drop(f"{EDGE}.route_config").put(f"{EDGE}.scoped_routes", {"name": "scopes"})

    assert reported(operator) == [(WARNING, "dynamic-config", f"{EDGE}.scoped_routes")]


def test_listeners_from_elsewhere_may_be_the_missing_ones() -> None:
    operator = an_operator().drop(ATTEMPT_LISTENER).put("dynamic_resources", {"lds_config": {"ads": {}}})

    assert reported(operator) == [(WARNING, "dynamic-config", "dynamic_resources.lds_config")]


def test_clusters_from_elsewhere_may_be_the_missing_ones() -> None:
    operator = an_operator().put(CLUSTERS, []).put("dynamic_resources", {"cds_config": {"ads": {}}})

    assert reported(operator) == [(WARNING, "dynamic-config", "dynamic_resources.cds_config")]
