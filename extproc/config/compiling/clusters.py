"""One Envoy cluster per endpoint, and its name.

The cluster of a provider's public address has the provider's name. Any other name is made of scheme, host **and** port,
so that two servers on one host have different clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc import names
from extproc.config.errors import Problem
from extproc.config.gateway import Cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.config.compiling.endpoints import ResolvedProvider

RESERVED = frozenset({names.EXTPROC_CLUSTER, names.ATTEMPT_CLUSTER, names.DEGRADED_CLUSTER})


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters, in the order of their first use, and the problems."""

    clusters: tuple[Cluster, ...]
    problems: tuple[Problem, ...]


def cluster_name(provider: ResolvedProvider) -> str:
    """Return the name of the cluster that *provider*'s requests use."""
    if provider.table.cluster is not None:
        return provider.table.cluster
    if provider.owner is not None:
        return provider.owner
    url = provider.base_url
    return f"{url.scheme}_{url.host.replace(':', '-')}_{url.port}"


def compile_clusters(providers: Sequence[ResolvedProvider]) -> Clusters:
    """Return the clusters that *providers* need; two definitions of one cluster are a problem."""
    first: dict[str, Cluster] = {}
    problems: list[Problem] = []
    for provider in providers:
        cluster = _cluster_of(provider)
        if cluster.name in RESERVED:
            problems.append(Problem(f"{cluster.place}.cluster", "this name is reserved for a cluster of the gateway"))
            continue
        other = first.setdefault(cluster.name, cluster)
        if other != cluster:
            problems.append(_conflict(provider, cluster, other))
    return Clusters(tuple(first.values()), tuple(problems))


def _cluster_of(provider: ResolvedProvider) -> Cluster:
    return Cluster(
        name=cluster_name(provider),
        host=provider.base_url.host,
        port=provider.base_url.port,
        tls=provider.base_url.scheme == "https",
        connect_timeout=provider.table.timeouts.connect,
        idle_timeout=provider.table.timeouts.idle,
        between_bytes=provider.table.timeouts.between_bytes,
        place=provider.entry.place,
    )


def _conflict(provider: ResolvedProvider, cluster: Cluster, other: Cluster) -> Problem:
    if (cluster.host, cluster.port, cluster.tls) != (other.host, other.port, other.tls):
        own_address = "model" if provider.table.base_url is None else "base_url"
        key = own_address if provider.table.cluster is None else "cluster"
        return Problem(
            f"{cluster.place}.{key}", f"{other.place} uses the same cluster with another scheme, host or port"
        )
    return Problem(
        f"{cluster.place}.timeouts",
        f"{other.place} uses the same cluster with other timeouts (connect, idle, between_bytes): make them equal, or "
        "give one of the two a `cluster` of its own",
    )
