"""Listeners, as far as they speak HTTP: each HTTP connection manager in them is one `Manager`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.doctor.model.addresses import host_at
from extproc.doctor.model.extensions import CONNECTION_MANAGER, EARLY_HEADER_MUTATION, ROUTER, typed
from extproc.doctor.model.filters import Filter, filters_of, of_kind, removals
from extproc.doctor.model.routes import Route

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.doctor.model.addresses import Host
    from extproc.doctor.model.matching import TextMatch
    from extproc.doctor.model.node import Node


@dataclass(frozen=True, slots=True)
class Listener:
    """Where connections come from; *host* None: from inside Envoy only."""

    place: str
    name: str
    host: Host | None


@dataclass(frozen=True, slots=True, eq=False)
class Manager:
    """An HTTP connection manager: filters and routes of one filter chain of a listener."""

    node: Node
    listener: Listener
    filters: tuple[Filter, ...]
    routes: tuple[Route, ...]
    dynamic_routes: str | None  # the place that says where they come from

    @property
    def place(self) -> str:
        """The path to it."""
        return self.node.place

    @property
    def stat_prefix(self) -> str:
        """What its counters are called by."""
        return self.node.at("stat_prefix").text()

    @property
    def early_removals(self) -> list[TextMatch]:
        """The headers that it takes from requests before Envoy has looked at any."""
        extensions = (typed(one.at("typed_config")) for one in self.node.at("early_header_mutation_extensions").items())
        mutations = (config.at("mutations") for kind, config in extensions if kind == EARLY_HEADER_MUTATION)
        return [match for node in mutations for match in removals(node)]

    @property
    def upstream(self) -> Node | None:
        """The chain that its router has before clusters without one of their own; None: there is no router."""
        return next((one.config.at("upstream_http_filters") for one in self.each(ROUTER)), None)

    def each(self, kind: str) -> Iterator[Filter]:
        """Yield the enabled filters of *kind*, in their order."""
        return of_kind(self.filters, kind)


def read_managers(listener: Node, discovered: Mapping[str, Node]) -> Iterator[Manager]:
    """Yield the managers of *listener*; *discovered* are the route configurations that Envoy was sent, by name."""
    chains = [*listener.at("filter_chains").items(), listener.at("default_filter_chain")]
    for chain in chains:
        for one in chain.at("filters").items():
            kind, config = typed(one.at("typed_config"))
            if kind == CONNECTION_MANAGER:
                yield _manager(config, listener, discovered)


def _manager(node: Node, listener: Node, discovered: Mapping[str, Node]) -> Manager:
    config, dynamic = _route_config(node, discovered)
    inside = listener.at("internal_listener").present
    return Manager(
        node=node,
        listener=Listener(
            listener.place, listener.at("name").text(), None if inside else host_at(listener.at("address"))
        ),
        filters=filters_of(node.at("http_filters")),
        routes=tuple(
            Route(route, host, config, node, listener)
            for host in config.at("virtual_hosts").items()
            for route in host.at("routes").items()
        ),
        dynamic_routes=dynamic or _dynamic_hosts(config),
    )


def _route_config(node: Node, discovered: Mapping[str, Node]) -> tuple[Node, str | None]:
    """Return the route configuration, and the place that says so when it is not in sight."""
    rds = node.at("rds")
    if rds.present:
        found = discovered.get(rds.at("route_config_name").text())
        return (rds, rds.place) if found is None else (found, None)
    if node.at("scoped_routes").present:
        return node.at("scoped_routes"), node.at("scoped_routes").place
    return node.at("route_config"), None


def _dynamic_hosts(config: Node) -> str | None:
    """Return the place from which *config* says that routes come from elsewhere, None when all are in sight."""
    if config.at("vhds").present:
        return config.at("vhds").place
    matchers = (host.at("matcher") for host in config.at("virtual_hosts").items())
    return next((matcher.place for matcher in matchers if matcher.present), None)
