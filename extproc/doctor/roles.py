"""Which part of an Envoy plays which part of ours: found by what it does, by our names only if need be.

So that a single fault is found as itself: a route that does not ask the sidecar for its cluster is reported as that,
and not as a listener that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from extproc import names
from extproc.doctor.model.addresses import InternalListener, Socket
from extproc.doctor.model.extensions import EXT_PROC

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extproc.doctor.model.clusters import Breaker, Cluster
    from extproc.doctor.model.envoy import EnvoyConfig
    from extproc.doctor.model.filters import Filter
    from extproc.doctor.model.listeners import Listener, Manager
    from extproc.doctor.model.node import Node
    from extproc.doctor.model.routes import Route

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Roles:
    """Who plays which part in *envoy*; a part that nothing plays is empty.

    *attempts*: one pass through them is one attempt. *hops*: the clusters that lead to them. *edges*: what clients
    reach, and send requests on to *hops*. *sidecar*: the name of the workers' cluster.
    """

    envoy: EnvoyConfig
    attempts: tuple[Manager, ...]
    hops: tuple[Cluster, ...]
    edges: tuple[Manager, ...]
    sidecar: str

    @property
    def workers(self) -> Cluster | None:
        """The cluster of the sidecar's workers."""
        return self.envoy.cluster(self.sidecar)

    def asking(self, manager: Manager) -> Iterator[Filter]:
        """Yield the filters of *manager* that ask the sidecar: an operator may have other external processors."""
        return (one for one in manager.each(EXT_PROC) if asked_cluster(one.config) == self.sidecar)

    def ext_proc(self) -> list[Node]:
        """Return the settings of the filters that ask the sidecar about attempts."""
        return [one.config for manager in self.attempts for one in self.asking(manager)]

    def edge_routes(self, manager: Manager) -> list[Route]:
        """Return the routes of *manager* that lead to attempts; an edge has others too."""
        leading = {cluster.name for cluster in self.hops} or {names.ATTEMPT_CLUSTER}
        return [route for route in manager.routes if not leading.isdisjoint(route.clusters)]

    def to_attempts(self) -> list[Route]:
        """Return the edges' routes that lead to attempts."""
        return [route for edge in self.edges for route in self.edge_routes(edge)]

    def to_providers(self) -> list[Route]:
        """Return the routes on which attempts leave for the cluster that the sidecar names."""
        return [route for manager in self.attempts for route in manager.routes if asks_sidecar(route)]

    def providers(self) -> list[Cluster]:
        """Return the clusters that attempts leave for."""
        others = {self.sidecar, *(cluster.name for cluster in self.hops)}
        return [cluster for cluster in self.envoy.clusters if cluster.name not in others]

    def breakers(self) -> list[tuple[Cluster, Breaker]]:
        """Return the circuit breakers that stand between edge and attempt."""
        high = any(route.high_priority for route in self.to_attempts())
        return [(cluster, cluster.breaker(high=high)) for cluster in self.hops]


def asks_sidecar(route: Route) -> bool:
    """Return whether *route* leads to the cluster that the sidecar names."""
    return route.cluster_header == names.CLUSTER


def asked_cluster(ext_proc: Node) -> str:
    """Return the cluster that a filter with these settings asks; empty: not through Envoy's own gRPC client."""
    return ext_proc.at("grpc_service", "envoy_grpc", "cluster_name").text()


def roles_of(envoy: EnvoyConfig) -> Roles:
    """Return who plays which part in *envoy*."""
    attempts = _first(
        (manager for manager in envoy.managers if any(map(asks_sidecar, manager.routes))),
        (manager for manager in envoy.managers if manager.listener.host is None),
        (manager for manager in envoy.managers if manager.listener.name == names.ATTEMPT_LISTENER),
    )
    listeners = [manager.listener for manager in attempts]
    hops = _first(
        (cluster for cluster in envoy.clusters if any(leads_to(cluster, listener) for listener in listeners)),
        (cluster for cluster in envoy.clusters if cluster.name == names.ATTEMPT_CLUSTER),
    )
    others = [manager for manager in envoy.managers if manager not in attempts]
    roles = Roles(envoy, attempts, hops, tuple(others), _sidecar(attempts))
    edges = _first(
        (manager for manager in others if roles.edge_routes(manager)),
        (manager for manager in others if manager.dynamic_routes is not None),
    )
    return Roles(envoy, attempts, hops, edges, roles.sidecar)


def _first(*choices: Iterable[T]) -> tuple[T, ...]:
    """Return the first of *choices* that has anything."""
    return next((found for choice in choices if (found := tuple(choice))), ())


def leads_to(cluster: Cluster, listener: Listener) -> bool:
    """Return whether *cluster* has *listener* among its hosts."""
    if listener.host is None:
        return InternalListener(listener.name) in cluster.hosts
    return isinstance(listener.host, Socket) and any(
        isinstance(host, Socket) and host.port == listener.host.port for host in cluster.hosts
    )


def _sidecar(attempts: tuple[Manager, ...]) -> str:
    """Return the cluster that attempts ask; ours by name when there are several."""
    asked = [asked_cluster(one.config) for manager in attempts for one in manager.each(EXT_PROC)]
    if names.EXTPROC_CLUSTER in asked:
        return names.EXTPROC_CLUSTER
    return next(filter(None, asked), names.EXTPROC_CLUSTER)
