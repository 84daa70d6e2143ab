"""Which part of an operator's Envoy plays which part of ours: found by what it does, by our names only if need be.

So that a single fault is found as itself: a route that does not ask the sidecar for its cluster is told as that, and
not as a listener that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from extproc import names
from extproc.doctor.model.clusters import Inside, Socket
from extproc.doctor.model.filters import ExtProc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extproc.doctor.model.clusters import Breaker, Cluster
    from extproc.doctor.model.envoy import Installation
    from extproc.doctor.model.filters import Filter
    from extproc.doctor.model.listeners import Listener, Manager
    from extproc.doctor.model.routes import Route

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Roles:
    """Who plays which part; a part that nobody plays is empty.

    *attempts*: one pass through them is one attempt. *inside*: the clusters that lead to them. *edges*: what clients
    reach, and send requests on to *inside*. *sidecar*: the name of the workers' cluster.
    """

    attempts: tuple[Manager, ...]
    inside: tuple[Cluster, ...]
    edges: tuple[Manager, ...]
    sidecar: str

    def judged(self, manager: Manager) -> Iterator[tuple[Filter, ExtProc]]:
        """Yield the filters of *manager* that ask the sidecar: an operator may have other external processors."""
        return (pair for pair in manager.each(ExtProc) if pair[1].cluster == self.sidecar)

    def inward(self) -> Iterator[Route]:
        """Yield the edges' routes that lead to attempts; an edge has others too."""
        leading = {cluster.name for cluster in self.inside} or {names.ATTEMPT_CLUSTER}
        return (route for edge in self.edges for route in edge.routes if not leading.isdisjoint(route.clusters))

    def outward(self) -> Iterator[Route]:
        """Yield the routes on which attempts leave for the cluster that the sidecar names."""
        return (route for manager in self.attempts for route in manager.routes if goes_where_told(route))

    def breakers(self) -> Iterator[tuple[Cluster, Breaker]]:
        """Yield the circuit breakers that stand between edge and attempt."""
        urgent = any(route.high_priority for route in self.inward())
        return ((cluster, cluster.high_breaker if urgent else cluster.breaker) for cluster in self.inside)


def goes_where_told(route: Route) -> bool:
    """Tell whether *route* leads to the cluster that the sidecar names."""
    return route.cluster_header == names.CLUSTER


def roles_of(envoy: Installation) -> Roles:
    """Return who plays which part in *envoy*."""
    attempts = _first(
        (manager for manager in envoy.managers if any(map(goes_where_told, manager.routes))),
        (manager for manager in envoy.managers if manager.listener.host is None),
        (manager for manager in envoy.managers if manager.listener.name == names.ATTEMPT_LISTENER),
    )
    listeners = [manager.listener for manager in attempts]
    inside = _first(
        (cluster for cluster in envoy.clusters if any(_leads_to(cluster, listener) for listener in listeners)),
        (cluster for cluster in envoy.clusters if cluster.name == names.ATTEMPT_CLUSTER),
    )
    leading = {cluster.name for cluster in inside} or {names.ATTEMPT_CLUSTER}
    others = [manager for manager in envoy.managers if manager not in attempts]
    edges = _first(
        (manager for manager in others if any(not leading.isdisjoint(route.clusters) for route in manager.routes)),
        (manager for manager in others if manager.unseen_routes is not None),
    )
    return Roles(attempts, inside, edges, _sidecar(attempts))


def _first(*choices: Iterable[T]) -> tuple[T, ...]:
    """Return the first of *choices* that has anything."""
    return next((found for choice in choices if (found := tuple(choice))), ())


def _leads_to(cluster: Cluster, listener: Listener) -> bool:
    if listener.host is None:
        return Inside(listener.name) in cluster.hosts
    return isinstance(listener.host, Socket) and any(
        isinstance(host, Socket) and host.port == listener.host.port for host in cluster.hosts
    )


def _sidecar(attempts: tuple[Manager, ...]) -> str:
    """Return the cluster that attempts are judged by; ours by name when there are several."""
    asked = [ext_proc.cluster for manager in attempts for _, ext_proc in manager.each(ExtProc)]
    if names.EXTPROC_CLUSTER in asked:
        return names.EXTPROC_CLUSTER
    return next((cluster for cluster in asked if cluster is not None), names.EXTPROC_CLUSTER)
