"""Internal headers end where the inside ends."""

from __future__ import annotations

import copy

import pytest
from support.doctor.patients import (
    ATTEMPT_ROUTE,
    CLUSTERS,
    EDGE,
    EDGE_HOST,
    EDGE_LISTENER,
    EDGE_ROUTE,
    ERROR,
    HTTP,
    PROVIDER,
    ROUTER,
    WARNING,
    an_operator,
    reported,
    words,
)
from unit.doctor import test_degraded

from extproc import names
from extproc.doctor.header_names import own_names

EARLY = f"{EDGE}.early_header_mutation_extensions"
UPSTREAM = f"{ROUTER}.upstream_http_filters"
MUTATIONS = f"{UPSTREAM}[0].typed_config.mutations"
FILTER = "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
ALL = [{"remove_on_match": {"key_matcher": {"safe_regex": {"regex": "x-(envoy|extproc|arch)-.*"}}}}]


def test_clients_must_not_send_internal_headers() -> None:
    assert reported(an_operator().drop(EARLY)) == [(ERROR, "headers-from-clients", EARLY)]


@pytest.mark.parametrize(
    ("index", "sent"), [(0, "x-envoy-max-retries"), (1, "x-extproc-state"), (2, "x-arch-llm-provider")]
)
def test_none_of_them(index: int, sent: str) -> None:
    """Each is named."""
    operator = an_operator().drop(f"{EARLY}[0].typed_config.mutations[{index}]")

    assert reported(operator) == [(ERROR, "headers-from-clients", EARLY)]
    assert sent in words(operator)


def test_a_filter_may_remove_them() -> None:
    """Before the router, that is early enough."""
    one = {"name": "mine", "typed_config": {"@type": FILTER, "mutations": {"request_mutations": ALL}}}

    assert reported(an_operator().drop(EARLY).insert(f"{EDGE}.http_filters[0]", one)) == []


@pytest.mark.parametrize("level", [EDGE_ROUTE, EDGE_HOST, f"{EDGE}.route_config"])
def test_a_route_may_remove_our_own(level: str) -> None:
    """They only matter behind the edge's router."""
    ours = [name.title() for name in own_names()]
    operator = an_operator().put(f"{level}.request_headers_to_remove", ours)
    operator.drop(f"{EARLY}[0].typed_config.mutations[2]").drop(f"{EARLY}[0].typed_config.mutations[1]")

    assert reported(operator) == []


def test_a_route_removes_envoys_own_too_late() -> None:
    """Its router has read them by then."""
    operator = an_operator().drop(f"{EARLY}[0].typed_config.mutations[0]")
    steering = ["x-envoy-retry-on", "x-envoy-max-retries"]
    operator.put(f"{EDGE_ROUTE}.request_headers_to_remove", steering)

    assert reported(operator) == [(ERROR, "headers-from-clients", EARLY)]


@pytest.mark.parametrize("name", ["x-extproc-state", "x-extproc-unprocessed"])
def test_clients_are_not_shown_what_is_inside(name: str) -> None:
    place = f"{EDGE_HOST}.response_headers_to_remove"
    operator = an_operator()
    removed = operator.at(place)
    assert isinstance(removed, list)
    removed.remove(name)

    assert reported(operator) == [(ERROR, "headers-to-clients", f"{EDGE_ROUTE}.response_headers_to_remove")]
    assert name in words(operator)


def test_clients_are_not_shown_the_mark() -> None:
    """The script that ends marked responses takes it away."""
    operator = an_operator().drop(f"{EDGE}.http_filters[1]")

    assert reported(operator) == [(ERROR, "headers-to-clients", f"{EDGE_ROUTE}.response_headers_to_remove")]
    assert reported(operator.put(f"{EDGE_ROUTE}.response_headers_to_remove", ["x-extproc-redispatch"])) == []


def test_a_filter_may_take_them_away_as_well() -> None:
    one = {"name": "mine", "typed_config": {"@type": FILTER, "mutations": {"response_mutations": ALL}}}
    operator = an_operator().drop(f"{EDGE_HOST}.response_headers_to_remove").insert(f"{EDGE}.http_filters[0]", one)

    assert reported(operator) == []


@pytest.mark.parametrize(("direction", "word"), [("request_mutations", "shown"), ("response_mutations", "believed")])
def test_nothing_internal_leaves_to_a_provider_or_comes_from_one(direction: str, word: str) -> None:
    operator = an_operator().drop(f"{MUTATIONS}.{direction}")

    assert reported(operator) == [(ERROR, "headers-at-providers", UPSTREAM)]
    assert word in words(operator)


def test_a_providers_own_headers_for_envoy_are_not_believed() -> None:
    """`x-envoy-overloaded` would stop a failover."""
    operator = an_operator().drop(f"{MUTATIONS}.response_mutations[2]")

    assert reported(operator) == [(ERROR, "headers-at-providers", UPSTREAM)]
    assert "x-envoy-overloaded" in words(operator)


def test_a_route_may_remove_ours_from_what_a_provider_responses() -> None:
    operator = an_operator().drop(f"{MUTATIONS}.response_mutations[0]")
    assert reported(operator) == [(ERROR, "headers-at-providers", UPSTREAM)]

    assert reported(operator.put(f"{ATTEMPT_ROUTE}.response_headers_to_remove", list(own_names()))) == []


def test_a_route_does_not_remove_what_the_router_has_believed_by_then() -> None:
    operator = an_operator().drop(f"{MUTATIONS}.response_mutations[2]")
    operator.put(f"{ATTEMPT_ROUTE}.response_headers_to_remove", ["x-envoy-overloaded", "x-envoy-ratelimited"])

    assert reported(operator) == [(ERROR, "headers-at-providers", UPSTREAM)]


def test_a_client_must_not_say_that_no_worker_is_there() -> None:
    """By `x-extproc-degraded` it would reach the default provider past every policy."""
    kept = [{"remove": name} for name in own_names() if name not in {names.DEGRADED, names.HINT}]
    envoys = {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}}
    operator = an_operator().put(f"{EARLY}[0].typed_config.mutations", [*kept, envoys])

    assert reported(operator) == [(ERROR, "headers-from-clients", EARLY)]
    assert f"clients may send {names.DEGRADED}: " in words(operator)


def test_the_default_providers_cluster_for_requests_without_a_worker_is_held_to_the_same() -> None:
    operator = an_operator(test_degraded.GATEWAY)
    clusters = operator.at(CLUSTERS)
    assert isinstance(clusters, list)
    (index,) = (at for at, one in enumerate(clusters) if one["name"] == names.DEGRADED_CLUSTER)
    chain = f"{CLUSTERS}[{index}].{HTTP}.http_filters"
    filters = operator.at(chain)
    assert isinstance(filters, list)
    operator.put(chain, [one for one in filters if one["name"] != "envoy.filters.http.header_mutation"])

    assert {(check, place) for _, check, place in reported(operator, test_degraded.GATEWAY)} == {
        ("headers-at-providers", chain)
    }


def test_a_cluster_with_a_chain_of_its_own_does_without_the_routers() -> None:
    """Envoy takes one or the other."""
    chain = f"{PROVIDER}.{HTTP}.http_filters"
    codec = {"name": "envoy.filters.http.upstream_codec", "typed_config": {"@type": "type.googleapis.com/a.Codec"}}
    operator = an_operator().put(chain, [codec])

    assert reported(operator) == [(ERROR, "headers-at-providers", chain), (ERROR, "headers-at-providers", chain)]

    one = {"name": "mine", "typed_config": {"@type": FILTER, "mutations": {}}}
    operator.insert(f"{chain}[0]", one).put(f"{chain}[0].typed_config.mutations.request_mutations", ALL)
    operator.put(f"{chain}[0].typed_config.mutations.response_mutations", ALL)
    assert reported(operator) == []


def test_no_value_of_a_header_is_ever_shown() -> None:
    """It may be a credential."""
    secret = {"header": {"key": "x-extproc-unprocessed", "value": "sk-secret"}, "append_action": "ADD_IF_ABSENT"}
    operator = an_operator().put(f"{EDGE_HOST}.request_headers_to_add", [secret])
    operator.put(f"{ATTEMPT_ROUTE}.response_headers_to_add", [secret])

    assert "sk-secret" not in words(operator)


def test_an_edge_behind_one_that_is_not_in_sight_is_looked_at() -> None:
    """A listener with two filter chains, the first of which gets its routes from elsewhere."""
    operator = an_operator()
    chains = f"{EDGE_LISTENER}.filter_chains"
    operator.insert(f"{chains}[0]", copy.deepcopy(operator.at(f"{chains}[0]")))
    operator.put(f"{EDGE_HOST}.matcher", {"matcher_tree": {}})
    second = f"{chains}[1].filters[0].typed_config.early_header_mutation_extensions"

    assert reported(operator.drop(second)) == [
        (ERROR, "headers-from-clients", second),
        (WARNING, "dynamic-config", f"{EDGE_HOST}.matcher"),
    ]
