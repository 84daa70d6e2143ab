"""Reading what a running Envoy responses: what it was started with, and what it was sent later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.doctor.patients import ATTEMPT, CLUSTERS, EDGE, ERROR, WARNING, Operator, an_operator, reported

from extproc.config.errors import ConfigError
from extproc.doctor.reading.live import read_live

if TYPE_CHECKING:
    from extproc.doctor.model.envoy import EnvoyConfig

SERVER_INFO = '{"version": "9e558/1.40.0/Clean/RELEASE/BoringSSL", "state": "LIVE"}'
STATS = (
    "cluster.attempt.upstream_rq_retry: 12\ncluster.a.upstream_cx_length_ms: P0(nan,1.0) P100(nan,2.0)\nmain: text\n"
)


def live(operator: Operator, *more: object) -> EnvoyConfig:
    """Return a running Envoy that was started with *operator*'s file and has *more* to report."""
    dump = {"configs": [{"bootstrap": operator.tree, "last_updated": "now"}, *more]}
    return read_live(config_dump=json.dumps(dump), server_info=SERVER_INFO, stats=STATS)


def test_what_it_was_started_with_keeps_its_places() -> None:
    """They are those of the operator's file."""
    assert reported(live(an_operator())) == []
    assert reported(live(an_operator().drop(f"{CLUSTERS}[0]"))) == [(ERROR, "attempt-cluster", CLUSTERS)]


def test_it_reports_its_version_and_counts() -> None:
    """Histograms are left out."""
    envoy = live(an_operator())

    assert envoy.version == (1, 40, 0)
    assert envoy.stats == {"cluster.attempt.upstream_rq_retry": 12}


@pytest.mark.parametrize(
    ("told_by_envoy", "version"),
    [("1.38.3", None), ("abc/1.37.0-dev/Modified/DEBUG/BoringSSL", (1, 37, 0)), ("", None)],
)
def test_a_version_of_another_form_is_none(told_by_envoy: str, version: object) -> None:
    info = json.dumps({"version": told_by_envoy})
    envoy = read_live(config_dump='{"configs": [{"bootstrap": {}}]}', server_info=info, stats="")

    assert envoy.version == version


def test_what_it_was_sent_later_is_checked_too() -> None:
    """A gap in its file is none in what it does."""
    operator = an_operator().put("dynamic_resources", {"cds_config": {"ads": {}}, "lds_config": {"ads": {}}})
    edge, attempt = _list(operator.at("static_resources.listeners"))
    clusters = _list(operator.at(CLUSTERS))
    operator.put("static_resources.listeners", [edge]).put(CLUSTERS, [])
    listeners = {"dynamic_listeners": [{"name": "attempt", "active_state": {"listener": attempt}}, {"name": "failed"}]}
    sent = {"dynamic_active_clusters": [{"cluster": cluster} for cluster in clusters]}
    assert reported(live(operator, listeners, sent)) == []

    del sent["dynamic_active_clusters"][0]["cluster"]["circuit_breakers"]
    assert reported(live(operator, listeners, sent)) == [
        (ERROR, "max-retries", "dynamic_clusters.attempt.circuit_breakers.thresholds.max_retries")
    ]


def test_routes_that_it_was_sent_are_found_by_name() -> None:
    operator = an_operator()
    config = operator.at(f"{EDGE}.route_config")
    operator.drop(f"{EDGE}.route_config").put(f"{EDGE}.rds", {"route_config_name": "edge"})
    assert reported(live(operator, {"dynamic_route_configs": [{"route_config": config}]})) == []

    short = Operator(json.loads(json.dumps(config))).put("virtual_hosts[0].routes[4].route.timeout", "1s").tree
    assert reported(live(operator, {"dynamic_route_configs": [{"route_config": short}]})) == [
        (ERROR, "edge-timeout", "dynamic_route_configs.edge.virtual_hosts[0].routes[4].route.timeout")
    ]


def test_routes_that_it_was_not_sent_yet_cannot_be_checked() -> None:
    operator = an_operator().drop(f"{ATTEMPT}.route_config").put(f"{ATTEMPT}.rds", {"route_config_name": "other"})

    assert reported(live(operator)) == [(WARNING, "dynamic-config", f"{ATTEMPT}.rds")]


@pytest.mark.parametrize("dump", ["", "<html>", "{}", '{"configs": [{}]}', "[1]", "null"])
def test_another_servers_response_is_reported(dump: str) -> None:
    """Its text is not shown."""
    with pytest.raises(ConfigError, match=r"^/config_dump: "):
        read_live(config_dump=dump, server_info=SERVER_INFO, stats=STATS)


def _list(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value
