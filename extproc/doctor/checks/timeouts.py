"""Whether the listener's timeout and the policy's limits speak before any of Envoy's own does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.doctor.finding import error, warning
from extproc.doctor.roles import asks_sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extproc.config.gateway import Cluster
    from extproc.doctor.context import CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.routes import Limit, Route
    from extproc.doctor.roles import Roles


def at_edge(context: CheckContext) -> Iterator[Finding]:
    """Find an edge that ends requests by the clock."""
    return _cut(context.found.to_attempts(), context.rendered.to_attempts(), "the edge ends requests")


def in_attempts(context: CheckContext) -> Iterator[Finding]:
    """Find an attempt listener with a time limit of its own."""
    return _cut(context.found.to_providers(), context.rendered.to_providers(), "every attempt is cut off")


def _cut(routes: Sequence[Route], rendered: Sequence[Route], what: str) -> Iterator[Finding]:
    wanted = rendered[-1]
    for route in routes:
        for limit, expected in ((route.timeout, wanted.timeout), (route.duration, wanted.duration)):
            if _ends(limit.value, expected.value):
                yield error(
                    limit.place,
                    f"{what} after {limit.value} ms, streams that have begun included",
                    f"Set it to {_seconds(expected)}: the sidecar limits each attempt as its policy says, by "
                    "what is left of the listener's timeout.",
                )


def idle(context: CheckContext) -> Iterator[Finding]:
    """Find a listener that takes a wait, or a pause in a stream, for the end; and silence that nothing ends in time."""
    longest = context.gateway.longest_silence
    (rendered,) = context.rendered.to_attempts()
    for route in context.found.to_attempts():
        if _ends(route.idle_timeout.value, longest):
            yield _cuts(route.idle_timeout, longest, rendered.idle_timeout)
    concerned: dict[Limit, list[Cluster]] = {}
    for cluster in context.gateway.clusters:
        for route in _leading(context.found, cluster.name):
            concerned.setdefault(route.idle_timeout, []).append(cluster)
    for limit, clusters in concerned.items():
        yield from _silence(context, limit, clusters)


def _silence(context: CheckContext, limit: Limit, clusters: Sequence[Cluster]) -> Iterator[Finding]:
    """Find that *limit* is not what *clusters* allow, which is the listener's timeout where the file does not say."""
    allowed, cluster = max(
        ((cluster.between_bytes or context.gateway.listener.timeout, cluster) for cluster in clusters),
        key=lambda pair: pair[0],
    )
    if _ends(limit.value, allowed):
        (*_, rendered) = _leading(context.rendered, cluster.name)
        yield _cuts(limit, allowed, rendered.idle_timeout)
        return
    for cluster in clusters:
        if cluster.between_bytes and not 0 < limit.value <= cluster.between_bytes:
            yield warning(
                limit.place,
                f"a response of cluster {cluster.name} is not ended when it has been silent for the "
                f"{cluster.between_bytes} ms of timeouts.between_bytes",
                "Add the route of this cluster that `extproc render` writes, with an idle_timeout.",
            )


def _cuts(limit: Limit, allowed: int, wanted: Limit) -> Finding:
    problem = f"what is silent for {limit.value} ms is ended: a provider that thinks, or a wait, may take {allowed} ms"
    return error(limit.place, problem, f"Set it to {_seconds(wanted)}.")


def _leading(roles: Roles, cluster: str) -> Iterator[Route]:
    """Yield the routes that attempts at *cluster* take: the first that asks for no more than its name, and others."""
    for manager in roles.attempts:
        for route in manager.routes:
            if not asks_sidecar(route) or not all(
                match.fits(cluster) for match in route.headers if match.name == names.CLUSTER
            ):
                continue
            yield route
            if all(match.name == names.CLUSTER for match in route.headers):
                break


def _ends(limit: int, allowed: int) -> bool:
    """Return whether *limit* ends what *allowed* would not have ended yet, both in milliseconds, 0 for never."""
    return limit > 0 and not 0 < allowed <= limit


def _seconds(limit: Limit) -> str:
    return f"{limit.value / 1000:g}s"
