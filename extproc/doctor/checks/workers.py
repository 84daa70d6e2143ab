"""The cluster of the sidecar's workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.checks.ext_proc import ours
from extproc.doctor.checks.structure import CLUSTERS
from extproc.doctor.finding import error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw


def missing(case: Case) -> Iterator[Flaw]:
    """Find an ext_proc filter that asks a cluster which does not exist."""
    if any(ours(case)) and case.envoy.cluster(case.roles.sidecar) is None and case.envoy.more_clusters is None:
        yield error(
            CLUSTERS,
            f"there is no cluster {case.roles.sidecar}, which the ext_proc filter asks: nothing is ever decided",
            f"Add the cluster {case.roles.sidecar} that `extproc render` writes: its endpoints are the workers.",
        )


def http2(case: Case) -> Iterator[Flaw]:
    """Find workers that are not spoken to in gRPC's own protocol."""
    cluster = case.envoy.cluster(case.roles.sidecar)
    if cluster is not None and not cluster.http2:
        yield error(
            cluster.options,
            f"cluster {cluster.name} does not speak HTTP/2, which gRPC needs: the sidecar is never reached",
            "Set explicit_http_config with http2_protocol_options.",
        )


def health_checks(case: Case) -> Iterator[Flaw]:
    """Find workers that are asked although they are dead."""
    cluster = case.envoy.cluster(case.roles.sidecar)
    if cluster is not None and not cluster.health_checks:
        yield warning(
            f"{cluster.place}.health_checks",
            f"nobody checks the workers of cluster {cluster.name}: dead ones are asked again and again, and the edge "
            "calls itself healthy without any",
            "Add the grpc_health_check that `extproc render` writes.",
        )


def max_requests(case: Case) -> Iterator[Flaw]:
    """Find a limit by which attempts go on without having been judged."""
    cluster = case.envoy.cluster(case.roles.sidecar)
    allowed = min((breaker.max_requests for _, breaker in case.roles.breakers()), default=0)
    if cluster is not None and cluster.breaker.max_requests < allowed:
        yield warning(
            f"{cluster.breaker.place}.max_requests",
            f"cluster {cluster.name} takes {cluster.breaker.max_requests} attempts at a time, of {allowed} that "
            "there may be: the others are judged by nobody",
            f"Set max_requests to {allowed}.",
        )


def endpoints(case: Case) -> Iterator[Flaw]:
    """Find workers that are given no attempts: each has an address of its own, and needs an endpoint."""
    cluster, count = case.envoy.cluster(case.roles.sidecar), len(case.gateway.sidecar.addresses)
    if cluster is not None and 0 < len(cluster.hosts) < count:
        yield warning(
            f"{cluster.place}.load_assignment",
            f"cluster {cluster.name} has {len(cluster.hosts)} of the {count} workers of CONFIG: the others idle",
            f"Add the endpoints {', '.join(map(str, case.gateway.sidecar.addresses))}, one for each worker.",
        )
