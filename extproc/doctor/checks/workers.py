"""The cluster of the sidecar's workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.checks.structure import CLUSTERS
from extproc.doctor.finding import error, warning
from extproc.doctor.settings import has_items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.clusters import Cluster


def _pairs(context: CheckContext) -> Iterator[tuple[Cluster, Cluster]]:
    """Yield the operator's cluster, if it is in sight, and the one that `render` writes."""
    cluster, wanted = context.found.workers, context.rendered.workers
    if cluster is not None and wanted is not None:
        yield cluster, wanted


def missing(context: CheckContext) -> Iterator[Finding]:
    """Find an ext_proc filter that asks a cluster which does not exist."""
    found = context.found
    if found.ext_proc() and found.workers is None and found.envoy.more_clusters is None:
        yield error(
            CLUSTERS,
            f"there is no cluster {found.sidecar}, which the ext_proc filter asks: nothing is ever decided",
            f"Add the cluster {found.sidecar} that `extproc render` writes: its endpoints are the workers.",
        )


def http2(context: CheckContext) -> Iterator[Finding]:
    """Find workers that are not spoken to in gRPC's own protocol."""
    for cluster, wanted in _pairs(context):
        if wanted.http2 and not cluster.http2:
            yield error(
                cluster.options.place,
                f"cluster {cluster.name} does not speak HTTP/2, which gRPC needs: the sidecar is never reached",
                "Set explicit_http_config with http2_protocol_options.",
            )


def health_checks(context: CheckContext) -> Iterator[Finding]:
    """Find workers that are asked although they are dead."""
    for cluster, wanted in _pairs(context):
        checks = cluster.node.at("health_checks")
        if has_items(wanted.node.at("health_checks")) and not has_items(checks):
            yield warning(
                checks.place,
                f"nothing checks the workers of cluster {cluster.name}: dead ones are asked again and again, and the "
                "edge calls itself healthy without any",
                "Add the grpc_health_check that `extproc render` writes.",
            )


def max_requests(context: CheckContext) -> Iterator[Finding]:
    """Find a limit by which attempts go on without having been classified."""
    allowed = min((breaker.max_requests for _, breaker in context.found.breakers()), default=0)
    for cluster, _ in _pairs(context):
        breaker = cluster.breaker()
        if breaker.max_requests < allowed:
            yield warning(
                f"{breaker.place}.max_requests",
                f"cluster {cluster.name} takes {breaker.max_requests} attempts at a time, of {allowed} that there may "
                "be: the others are not decided on",
                f"Set max_requests to {allowed}.",
            )


def endpoints(context: CheckContext) -> Iterator[Finding]:
    """Find workers that are given no attempts: each has an address of its own, and needs an endpoint."""
    for cluster, wanted in _pairs(context):
        if 0 < len(cluster.hosts) < len(wanted.hosts):
            yield warning(
                f"{cluster.place}.load_assignment",
                f"cluster {cluster.name} has {len(cluster.hosts)} of the {len(wanted.hosts)} workers of CONFIG: the "
                "others idle",
                f"Add the endpoints {', '.join(map(str, context.gateway.sidecar.addresses))}, one for each worker.",
            )
