"""An Envoy as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from extproc.doctor.model.clusters import Cluster, read_cluster
from extproc.doctor.model.listeners import Manager, read_managers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extproc.doctor.model.node import Node

Version: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class DynamicSource:
    """A part of the configuration that comes from elsewhere, and the place that says so."""

    place: str
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class EnvoyConfig:
    """All that is known of an Envoy; *version* and *stats* only when it was asked while running."""

    root: Node
    managers: tuple[Manager, ...]
    clusters: tuple[Cluster, ...]
    more_listeners: DynamicSource | None = None
    more_clusters: DynamicSource | None = None
    version: Version | None = None
    stats: Mapping[str, int] = field(default_factory=dict[str, int])

    def cluster(self, name: str) -> Cluster | None:
        """Return the cluster *name*, None when it is not in sight."""
        return next((cluster for cluster in self.clusters if cluster.name == name), None)


def envoy_config(
    root: Node,
    *,
    listeners: Iterable[Node] = (),
    clusters: Iterable[Node] = (),
    routes: Mapping[str, Node] | None = None,
) -> EnvoyConfig:
    """Return the Envoy that is started with *root*, and was sent *listeners*, *clusters* and *routes* later."""
    static = root.at("static_resources")
    managers = (
        manager
        for node in (*static.at("listeners").items(), *listeners)
        for manager in read_managers(node, routes or {})
    )
    return EnvoyConfig(
        root, tuple(managers), tuple(read_cluster(node) for node in (*static.at("clusters").items(), *clusters))
    )
