"""Reading an operator's file: YAML with all that it allows, JSON, and what is neither."""

from __future__ import annotations

import json

import pytest
import yaml
from support.doctor.patients import (
    ATTEMPT,
    EDGE,
    ERROR,
    EXT_PROC,
    GATEWAY,
    HTTP,
    INSIDE,
    Operator,
    an_operator,
    reported,
    shown,
)

from extproc.config.errors import ConfigError
from extproc.doctor.diagnose import diagnose
from extproc.doctor.reading.file import read_file

ANCHORS = """
static_resources:
  listeners: &none []
  clusters:
    - &plain
      name: a
      circuit_breakers: &limits
        thresholds: [{max_retries: 7, max_requests: 7}]
    - <<: *plain
      name: b
    - {name: c, circuit_breakers: *limits}
dynamic_resources: {}
"""

SELF_CONTAINED = """
static_resources:
  listeners:
    - filter_chains:
        - filters:
            - typed_config:
                "@type": a/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                http_filters: &chain
                  - typed_config:
                      "@type": a/envoy.extensions.filters.http.router.v3.Router
                      upstream_http_filters: *chain
                route_config:
                  virtual_hosts: [{routes: [{match: {prefix: /}, route: {cluster_header: x-arch-llm-provider}}]}]
"""


def test_anchors_and_merge_keys_are_resolved() -> None:
    """Operators use them a lot."""
    envoy = read_file(ANCHORS)

    assert [(cluster.name, cluster.breaker().max_retries) for cluster in envoy.clusters] == [
        ("a", 7),
        ("b", 7),
        ("c", 7),
    ]


def test_json_is_read_also_when_it_is_indented_by_tabs() -> None:
    """Which YAML does not allow."""
    text = json.dumps(an_operator().tree, indent="\t")

    assert shown(diagnose(read_file(text), GATEWAY)) == []


def test_yaml_reads_the_same() -> None:
    assert shown(diagnose(read_file(yaml.safe_dump(an_operator().tree)), GATEWAY)) == []


def test_camel_case_is_read_as_well() -> None:
    """Protobuf's JSON has both; the place is written as in the file."""
    tree = _camel(an_operator().tree)
    assert reported(Operator(tree)) == []

    place = EXT_PROC.replace("static_resources", "staticResources").replace("filter_chains", "filterChains")
    place = place.replace("typed_config", "typedConfig").replace("http_filters", "httpFilters")
    operator = Operator(tree).put(f"{place}.processingMode.requestBodyMode", "NONE")
    assert reported(operator) == [(ERROR, "ext-proc-phases", f"{place}.processingMode.requestBodyMode")]


def test_settings_without_a_message_type_of_their_own_are_read() -> None:
    """A TypedStruct says the type beside the settings."""
    operator = an_operator()
    settings = operator.at(EXT_PROC)
    assert isinstance(settings, dict)
    kind = settings.pop("@type")
    wrapped = {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": kind, "value": settings}

    assert reported(operator.put(EXT_PROC, wrapped)) == []
    assert reported(operator.drop(f"{EXT_PROC}.value.failure_mode_allow")) == [
        (ERROR, "failure-mode", f"{EXT_PROC}.value.failure_mode_allow")
    ]


def test_filters_are_known_by_their_type_not_by_their_name() -> None:
    """Names are the operator's."""
    operator = an_operator()
    for chain in (f"{EDGE}.http_filters", f"{ATTEMPT}.http_filters", f"{INSIDE}.{HTTP}.http_filters"):
        filters = operator.at(chain)
        assert isinstance(filters, list)
        for index, one in enumerate(filters):
            one["name"] = f"mine-{index}"

    assert reported(operator) == []


def test_every_filter_chain_of_a_listener_is_checked() -> None:
    """A listener may have one with TLS and one without, and one for the rest."""
    operator = an_operator()
    listener = "static_resources.listeners[0]"
    (chain,) = _list(operator.at(f"{listener}.filter_chains"))
    bad = json.loads(json.dumps(chain))
    del bad["filters"][0]["typed_config"]["early_header_mutation_extensions"]
    operator.put(f"{listener}.filter_chains", [chain, bad]).put(f"{listener}.default_filter_chain", bad)
    rest = "filters[0].typed_config.early_header_mutation_extensions"

    assert reported(operator) == [
        (ERROR, "headers-from-clients", f"{listener}.filter_chains[1].{rest}"),
        (ERROR, "headers-from-clients", f"{listener}.default_filter_chain.{rest}"),
    ]


def test_a_chain_that_contains_itself_is_no_endless_one() -> None:
    """Envoy refuses it."""
    assert (ERROR, "edge-listener", "static_resources.listeners") in shown(diagnose(read_file(SELF_CONTAINED), GATEWAY))


@pytest.mark.parametrize("value", [None, 3, "text", [], {"a": 1}])
def test_values_of_the_wrong_shape_count_as_absent(value: object) -> None:
    """Envoy itself refuses them."""
    operator = an_operator()
    for place in (f"{EDGE}.http_filters[0]", f"{INSIDE}.circuit_breakers", "static_resources.listeners[0].address"):
        operator.put(place, value)

    assert reported(operator) == [(ERROR, "max-retries", f"{INSIDE}.circuit_breakers.thresholds.max_retries")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "static_resources: not there, or not a map: this is no configuration of Envoy's"),
        ("[1]", "static_resources: not there, or not a map: this is no configuration of Envoy's"),
        (
            "static_resources: sk-secret",
            "static_resources: not there, or not a map: this is no configuration of Envoy's",
        ),
        ("a: [sk-secret", "line 1, column 14: not valid YAML: while parsing a flow sequence"),
        ("a: 1\n---\nb: 2", "a second YAML document begins here"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_configuration_is_reported_without_being_quoted(text: str, problem: str) -> None:
    """It may hold a key."""
    with pytest.raises(ConfigError) as caught:
        read_file(text)

    assert problem in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def _camel(value: object) -> object:
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if isinstance(value, dict):
        return {_camel_key(key): _camel(item) for key, item in value.items()}
    return value


def _camel_key(key: str) -> str:
    head, *tail = key.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
