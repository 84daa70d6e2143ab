"""Whether there are an edge, an attempt listener and a way from one to the other; and what cannot be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.doctor.finding import error, warning
from extproc.doctor.model.filters import Unseen
from extproc.doctor.roles import goes_where_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw

LISTENERS = "static_resources.listeners"
CLUSTERS = "static_resources.clusters"


def attempt_listener(case: Case) -> Iterator[Flaw]:
    """Find that nothing makes attempts."""
    if not case.roles.attempts and case.envoy.more_listeners is None:
        yield error(
            LISTENERS,
            f"no listener has a route with cluster_header {names.CLUSTER}: no attempt goes where the sidecar says",
            f"Add the internal listener `{names.ATTEMPT_LISTENER}` that `extproc render` writes.",
        )


def attempt_route(case: Case) -> Iterator[Flaw]:
    """Find an attempt listener whose routes do not ask the sidecar, or not always."""
    for manager in case.roles.attempts:
        if manager.unseen_routes is not None:
            continue
        told = next((index for index, route in enumerate(manager.routes) if goes_where_told(route)), None)
        if told is None:
            yield error(
                manager.routes[0].place if manager.routes else f"{manager.place}.route_config",
                "attempts go to a fixed cluster, or nowhere: whatever the sidecar says, there is no failover",
                f"Let the route name its cluster by `cluster_header: {names.CLUSTER}`.",
            )
        for route in manager.routes[: told or 0]:
            if route.clusters and not route.conditional:
                yield error(
                    route.place,
                    "this route stands before the one that asks the sidecar: requests that match it have no failover",
                    f"Remove it, or put it after the route with `cluster_header: {names.CLUSTER}`.",
                )


def attempt_exposed(case: Case) -> Iterator[Flaw]:
    """Find an attempt listener that can be reached without passing the edge."""
    for listener in dict.fromkeys(manager.listener for manager in case.roles.attempts):
        if listener.host is not None:
            yield error(
                f"{listener.place}.address",
                "the attempt listener has an address of its own: whoever reaches it has passed the edge by",
                "Make it an internal listener: `internal_listener: {}` instead of `address`.",
            )


def attempt_cluster(case: Case) -> Iterator[Flaw]:
    """Find that no cluster leads to the attempt listener."""
    if case.roles.attempts and not case.roles.inside and case.envoy.more_clusters is None:
        yield error(
            CLUSTERS,
            "no cluster leads to the attempt listener: the edge has nowhere to send requests",
            f"Add the cluster `{names.ATTEMPT_CLUSTER}` that `extproc render` writes.",
        )


def edge_listener(case: Case) -> Iterator[Flaw]:
    """Find that no listener sends requests through attempts."""
    if not case.roles.edges and case.envoy.more_listeners is None:
        yield error(
            LISTENERS,
            f"no listener has a route to cluster {names.ATTEMPT_CLUSTER}: no request is ever dispatched again",
            f"Route what clients send to cluster `{names.ATTEMPT_CLUSTER}`, as `extproc render` does.",
        )


def cuts_unlogged(case: Case) -> Iterator[Flaw]:
    """Find a listener that cuts responses without a word: the sidecar has let them pass by then."""
    for manager in (*case.roles.edges, *case.roles.attempts):
        if not manager.is_logged:
            yield warning(
                f"{manager.place}.access_log",
                "a response that is cut once it has begun shows nowhere: the sidecar's log says that it was delivered",
                "Add the access_log that `extproc render` writes, or one of your own with %RESPONSE_FLAGS%.",
            )


def unseen(case: Case) -> Iterator[Flaw]:
    """Tell what comes from elsewhere and so is not judged."""
    mend = "Check the running Envoy instead, with --admin: it tells what it was sent."
    for gap in (case.envoy.more_listeners, case.envoy.more_clusters):
        if gap is not None:
            yield warning(gap.place, f"more {gap.what} come from elsewhere and cannot be judged", mend)
    for manager in (*case.roles.attempts, *case.roles.edges):
        if manager.unseen_routes is not None:
            yield warning(manager.unseen_routes, "these routes come from elsewhere and cannot be judged", mend)
        for one in manager.filters:
            if isinstance(one.what, Unseen):
                yield warning(one.place, "this filter's settings come from elsewhere and cannot be judged", mend)
