"""Whether there are an edge, an attempt listener and a way from one to the other; and what cannot be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.doctor.finding import error, warning
from extproc.doctor.model.addresses import OtherAddress
from extproc.doctor.roles import asks_sidecar, leads_to
from extproc.doctor.settings import has_items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import CheckContext
    from extproc.doctor.finding import Finding

LISTENERS = "static_resources.listeners"
CLUSTERS = "static_resources.clusters"


def attempt_listener(context: CheckContext) -> Iterator[Finding]:
    """Find that nothing makes attempts."""
    if not context.found.attempts and context.found.envoy.more_listeners is None:
        yield error(
            LISTENERS,
            f"no listener has a route with cluster_header {names.CLUSTER}: no attempt goes where the sidecar says",
            f"Add the internal listener `{names.ATTEMPT_LISTENER}` that `extproc render` writes.",
        )


def attempt_route(context: CheckContext) -> Iterator[Finding]:
    """Find an attempt listener whose routes do not ask the sidecar, or not always."""
    for manager in context.found.attempts:
        if manager.dynamic_routes is not None:
            continue
        asking = next((index for index, route in enumerate(manager.routes) if asks_sidecar(route)), None)
        if asking is None:
            yield error(
                manager.routes[0].place if manager.routes else f"{manager.place}.route_config",
                "attempts go to a fixed cluster, or nowhere: whatever the sidecar says, there is no failover",
                f"Let the route name its cluster by `cluster_header: {names.CLUSTER}`.",
            )
        for route in manager.routes[: asking or 0]:
            if route.clusters and not route.conditional:
                yield error(
                    route.place,
                    "this route stands before the one that asks the sidecar: requests that match it have no failover",
                    f"Remove it, or put it after the route with `cluster_header: {names.CLUSTER}`.",
                )


def attempt_exposed(context: CheckContext) -> Iterator[Finding]:
    """Find an attempt listener that can be reached without passing the edge."""
    for manager in context.found.attempts:
        if manager.listener.host is not None:
            yield error(
                f"{manager.listener.place}.address",
                "the attempt listener has an address of its own: who reaches it has passed the edge by",
                "Make it an internal listener: `internal_listener: {}` instead of `address`.",
            )


def attempt_cluster(context: CheckContext) -> Iterator[Finding]:
    """Find that no cluster leads to the attempt listener."""
    found = context.found
    if found.attempts and not found.hops and found.envoy.more_clusters is None:
        yield error(
            CLUSTERS,
            "no cluster leads to the attempt listener: the edge has nowhere to send requests",
            f"Add the cluster `{names.ATTEMPT_CLUSTER}` that `extproc render` writes.",
        )
    for cluster in found.hops:
        in_sight = cluster.hosts and OtherAddress() not in cluster.hosts
        if found.attempts and in_sight and not any(leads_to(cluster, one.listener) for one in found.attempts):
            yield error(
                f"{cluster.place}.load_assignment",
                f"cluster {cluster.name} does not lead to the attempt listener: no request is ever dispatched again",
                "Let its endpoint be the internal listener, as `extproc render` does.",
            )


def edge_listener(context: CheckContext) -> Iterator[Finding]:
    """Find that no listener sends requests through attempts."""
    if not context.found.edges and context.found.envoy.more_listeners is None:
        yield error(
            LISTENERS,
            f"no listener has a route to cluster {names.ATTEMPT_CLUSTER}: no request is ever dispatched again",
            f"Route what clients send to cluster `{names.ATTEMPT_CLUSTER}`, as `extproc render` does.",
        )


def cuts_unlogged(context: CheckContext) -> Iterator[Finding]:
    """Find a listener that cuts responses without a word: the sidecar has let them pass by then."""
    for manager in (*context.found.edges, *context.found.attempts):
        log = manager.node.at("access_log")
        if not has_items(log):
            yield warning(
                log.place,
                "a response that is cut once it has begun shows nowhere: the sidecar's log says that it was delivered",
                "Add the access_log that `extproc render` writes, or one of your own with %RESPONSE_FLAGS%.",
            )


def dynamic(context: CheckContext) -> Iterator[Finding]:
    """Report what comes from elsewhere and so is not checked."""
    fix = "Check the running Envoy instead, with --admin: it has what it was sent."
    envoy = context.found.envoy
    for source in (envoy.more_listeners, envoy.more_clusters):
        if source is not None:
            yield warning(source.place, f"more {source.what} come from elsewhere and cannot be checked", fix)
    for manager in (*context.found.attempts, *context.found.edges):
        if manager.dynamic_routes is not None:
            yield warning(manager.dynamic_routes, "these routes come from elsewhere and cannot be checked", fix)
        for one in manager.filters:
            if one.dynamic:
                yield warning(one.place, "this filter's settings come from elsewhere and cannot be checked", fix)
