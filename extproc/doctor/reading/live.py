"""Reading what a running Envoy says of itself: `/config_dump`, `/server_info` and `/stats`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from extproc.config.errors import ConfigError, Problem
from extproc.doctor.model.envoy import EnvoyConfig, envoy_config
from extproc.doctor.model.node import Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.doctor.model.envoy import Version

_VERSION = re.compile(r"/(\d{1,6})\.(\d{1,6})\.(\d{1,6})[/-]")
_STAT = re.compile(r"(\S+): (\d{1,20})")


def read_live(*, config_dump: str, server_info: str, stats: str) -> EnvoyConfig:
    """Return what the three responses say.

    What Envoy was started with keeps the places that it has in its file; what it was sent later is found by name:
    `dynamic_clusters.openai`.

    Raises:
        ConfigError: they are not what Envoy responds with.
    """
    dumps = [Node(node.value) for node in _json(config_dump, "/config_dump").at("configs").items()]
    bootstrap = next((dump.at("bootstrap").value for dump in dumps if dump.at("bootstrap").present), None)
    if bootstrap is None:
        raise ConfigError([Problem("/config_dump", "has no bootstrap: this is no response of an Envoy")])
    config = envoy_config(
        Node(bootstrap), listeners=_listeners(dumps), clusters=_clusters(dumps), routes=dict(_routes(dumps))
    )
    return replace(
        config, version=_version(_json(server_info, "/server_info").at("version").text()), stats=_stats(stats)
    )


def _json(text: str, what: str) -> Node:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError([Problem(what, "is not JSON: this is no response of an Envoy")]) from error
    return Node(value)


def _listeners(dumps: list[Node]) -> Iterator[Node]:
    for dump in dumps:
        for one in dump.at("dynamic_listeners").items():
            yield _by_name("dynamic_listeners", one.at("active_state", "listener"))


def _clusters(dumps: list[Node]) -> Iterator[Node]:
    for dump in dumps:
        for one in dump.at("dynamic_active_clusters").items():
            yield _by_name("dynamic_clusters", one.at("cluster"))


def _routes(dumps: list[Node]) -> Iterator[tuple[str, Node]]:
    for dump in dumps:
        for one in dump.at("dynamic_route_configs").items():
            config = _by_name("dynamic_route_configs", one.at("route_config"))
            yield config.at("name").text(), config


def _by_name(group: str, node: Node) -> Node:
    return Node(node.value, (group, node.at("name").text()))


def _version(text: str) -> Version | None:
    """Return the numbers in `…/1.40.0/Clean/RELEASE/BoringSSL`."""
    match = _VERSION.search(text)
    if match is None:
        return None
    major, minor, patch = map(int, match.groups())
    return major, minor, patch


def _stats(text: str) -> Mapping[str, int]:
    """Return counters and gauges by name; histograms have no single value and are left out."""
    return {match[1]: int(match[2]) for line in text.splitlines() if (match := _STAT.fullmatch(line))}
