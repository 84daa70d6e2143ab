"""Whether the listener's timeout and the policy's limits speak before any of Envoy's own does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.doctor.finding import error, warning
from extproc.doctor.roles import goes_where_told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from extproc.config.gateway import Cluster
    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.listeners import Manager
    from extproc.doctor.model.routes import Limit, Route

SLACK = 30
"""Seconds by which Envoy's idle limits are to exceed the listener's timeout."""


def at_edge(case: Case) -> Iterator[Flaw]:
    """Find an edge that ends requests by the clock."""
    for limit in _limits(case, case.roles.edges):
        if limit.value > 0:
            yield error(
                limit.place,
                f"the edge ends requests after {limit.value} ms, streams that have begun included",
                "Set it to 0s: the sidecar limits each attempt by what is left of the listener's timeout.",
            )


def in_attempts(case: Case) -> Iterator[Flaw]:
    """Find an attempt listener with a time limit of its own."""
    patience = case.gateway.listener.timeout
    for limit in _limits(case, case.roles.attempts):
        if 0 < limit.value < patience:
            yield error(
                limit.place,
                f"every attempt is cut off after {limit.value} ms, streams that have begun included",
                "Set it to 0s: the sidecar limits each attempt as its policy says.",
            )


def idle(case: Case) -> Iterator[Flaw]:
    """Find a listener that takes a wait, or a pause in a stream, for the end; and silence that nobody ends in time."""
    longest = case.gateway.longest_silence
    for limit in _idles(_routes(case, case.roles.edges)):
        if 0 < limit.value < longest:
            yield _cuts(limit, longest, f"Set it to {_seconds(longest) + SLACK}s, more than any limit of CONFIG.")
    concerned: dict[Limit, list[Cluster]] = {}
    for cluster in case.gateway.clusters:
        for limit in _idles(_leading(case, cluster.name)):
            concerned.setdefault(limit, []).append(cluster)
    for limit, clusters in concerned.items():
        yield from _silence(limit, clusters, case.gateway.listener.timeout)


def _silence(limit: Limit, clusters: Sequence[Cluster], otherwise: int) -> Iterator[Flaw]:
    """Find that *limit* is not what *clusters* allow, which is *otherwise* where the file does not say."""
    allowed = max(cluster.between_bytes or otherwise for cluster in clusters)
    if 0 < limit.value < allowed:
        yield _cuts(limit, allowed, "Set it as `extproc render` does.")
        return
    for cluster in clusters:
        if cluster.between_bytes and not 0 < limit.value <= cluster.between_bytes:
            yield warning(
                limit.place,
                f"a response of cluster {cluster.name} is not ended when it has been silent for the "
                f"{cluster.between_bytes} ms of timeouts.between_bytes",
                "Add the route of this cluster that `extproc render` writes, with an idle_timeout.",
            )


def _cuts(limit: Limit, allowed: int, mend: str) -> Flaw:
    problem = f"what is silent for {limit.value} ms is ended: a provider that thinks, or a wait, may take {allowed} ms"
    return error(limit.place, problem, mend)


def _leading(case: Case, cluster: str) -> Iterator[tuple[Manager, Route]]:
    """Yield the routes that attempts at *cluster* take: the first that asks for no more than its name, and others."""
    for manager in case.roles.attempts:
        for route in manager.routes:
            if not goes_where_told(route) or not all(
                match.fits(cluster) for match in route.headers if match.name == names.CLUSTER
            ):
                continue
            yield manager, route
            if all(match.name == names.CLUSTER for match in route.headers):
                break


def _idles(routes: Iterable[tuple[Manager, Route]]) -> dict[Limit, None]:
    return dict.fromkeys(_idle(manager, route) for manager, route in routes)


def _limits(case: Case, managers: tuple[Manager, ...]) -> dict[Limit, None]:
    pairs = _routes(case, managers)
    found = [limit for manager, route in pairs for limit in (route.timeout, _duration(manager, route))]
    return dict.fromkeys(limit for limit in found if limit is not None)


def _routes(case: Case, managers: tuple[Manager, ...]) -> list[tuple[Manager, Route]]:
    concerned = [*case.roles.inward(), *case.roles.outward()]
    return [(manager, route) for manager in managers for route in manager.routes if route in concerned]


def _duration(manager: Manager, route: Route) -> Limit | None:
    return manager.max_duration if route.max_duration is None else route.max_duration


def _idle(manager: Manager, route: Route) -> Limit:
    return manager.idle_timeout if route.idle_timeout is None else route.idle_timeout


def _seconds(millis: int) -> int:
    return -(-millis // 1000)
