"""An operator's Envoy as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.doctor.model.clusters import Cluster, Host
    from extproc.doctor.model.listeners import Manager

Version: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the configuration that comes from elsewhere, and the place that says so."""

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class Admin:
    """Envoy's admin endpoint."""

    place: str
    host: Host


@dataclass(frozen=True, slots=True)
class Installation:
    """All that is known of an Envoy; *version* and *stats* only when it was asked while running."""

    managers: tuple[Manager, ...]
    clusters: tuple[Cluster, ...]
    admin: Admin | None = None
    more_listeners: Gap | None = None
    more_clusters: Gap | None = None
    version: Version | None = None
    stats: Mapping[str, int] = field(default_factory=dict)

    def cluster(self, name: str) -> Cluster | None:
        """Return the cluster *name*, None when it is not in sight."""
        return next((cluster for cluster in self.clusters if cluster.name == name), None)
