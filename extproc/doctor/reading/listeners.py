"""Reading listeners: each HTTP connection manager in them is one `Manager`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.model.listeners import Listener, Manager
from extproc.doctor.reading.addresses import host_at
from extproc.doctor.reading.extensions import CONNECTION_MANAGER, EARLY_HEADER_MUTATION, typed
from extproc.doctor.reading.filters import read_filters
from extproc.doctor.reading.routes import limit, read_routes, unseen_hosts
from extproc.doctor.reading.text_matches import removals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.doctor.model.matching import TextMatch
    from extproc.doctor.reading.node import Node

_BUFFER_LIMIT = 1024 * 1024
_IDLE_TIMEOUT = 300_000


def read_managers(listener: Node, discovered: Mapping[str, Node]) -> Iterator[Manager]:
    """Yield the managers of *listener*; *discovered* are the route configurations that Envoy was sent, by name."""
    chains = [*listener.at("filter_chains").items(), listener.at("default_filter_chain")]
    for chain in chains:
        for one in chain.at("filters").items():
            kind, config = typed(one.at("typed_config"))
            if kind == CONNECTION_MANAGER:
                yield _manager(config, listener, discovered)


def _manager(node: Node, listener: Node, discovered: Mapping[str, Node]) -> Manager:
    config, unseen = _route_config(node, discovered)
    duration = node.at("common_http_protocol_options", "max_stream_duration")
    return Manager(
        place=node.place,
        listener=_listener(listener),
        stat_prefix=node.at("stat_prefix").text(),
        filters=read_filters(node.at("http_filters")),
        routes=read_routes(config, buffer_limit=listener.at("per_connection_buffer_limit_bytes").count(_BUFFER_LIMIT)),
        unseen_routes=unseen or unseen_hosts(config),
        early_removals=tuple(_early_removals(node.at("early_header_mutation_extensions"))),
        idle_timeout=limit(node.at("stream_idle_timeout"), _IDLE_TIMEOUT),
        max_duration=limit(duration, 0) if duration.present else None,
        normalizes_path=node.at("normalize_path").flag(),
        merges_slashes=node.at("merge_slashes").flag(),
        accepts_http_10=node.at("http_protocol_options", "accept_http_10").flag(),
        is_logged=any(node.at("access_log").items()),
    )


def _listener(node: Node) -> Listener:
    inside = node.at("internal_listener").present
    return Listener(node.place, node.at("name").text(), None if inside else host_at(node.at("address")))


def _route_config(node: Node, discovered: Mapping[str, Node]) -> tuple[Node, str | None]:
    """Return the route configuration, and the place that says so when it is not in sight."""
    rds = node.at("rds")
    if rds.present:
        found = discovered.get(rds.at("route_config_name").text())
        return (rds, rds.place) if found is None else (found, None)
    if node.at("scoped_routes").present:
        return node.at("scoped_routes"), node.at("scoped_routes").place
    return node.at("route_config"), None


def _early_removals(extensions: Node) -> Iterator[TextMatch]:
    for one in extensions.items():
        kind, config = typed(one.at("typed_config"))
        if kind == EARLY_HEADER_MUTATION:
            yield from removals(config.at("mutations"))
