"""How Envoy finds the hosts of a cluster: by address, or by asking a name server."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.cluster.v3 import Cluster, ClusterCustomClusterType, ClusterDiscoveryType
from envoy_data_plane.envoy.extensions.clusters.common.dns.v3 import DnsLookupFamily
from envoy_data_plane.envoy.extensions.clusters.dns.v3 import DnsCluster
from envoy_data_plane.envoy.extensions.network.dns_resolver.cares.v3 import CaresDnsResolverConfig
from envoy_data_plane.google.protobuf import Any as Packed

from extproc.bootstrap.proto import extension

if TYPE_CHECKING:
    from envoy_data_plane.envoy.config.core.v3 import TypedExtensionConfig

DNS_SECONDS = 2
DNS_TRIES = 2
"""Envoy does not begin to listen before every name has been asked for once: with a name server that says nothing it
would by default take most of a minute, with these limits six seconds."""


def static_cluster(name: str) -> Cluster:
    """Return the beginning of cluster *name*, whose hosts are IP addresses, sockets or listeners."""
    return Cluster(name=name, type=ClusterDiscoveryType.STATIC)


def dns_cluster(name: str, *, endpoint_per_address: bool) -> Cluster:
    """Return the beginning of cluster *name*, whose hosts are names; they are asked for anew as their answers expire.

    A name that is one host has all its addresses tried in turn, both families: a provider with IPv6 seen from a host
    without, `localhost` with a server on 127.0.0.1 only. With *endpoint_per_address* each is a worker of its own.
    """
    dns = DnsCluster(
        respect_dns_ttl=True,
        dns_lookup_family=DnsLookupFamily.AUTO if endpoint_per_address else DnsLookupFamily.ALL,
        all_addresses_in_single_endpoint=not endpoint_per_address,
    )
    return Cluster(
        name=name, cluster_type=ClusterCustomClusterType(name="envoy.clusters.dns", typed_config=Packed.pack(dns))
    )


def dns_resolver() -> TypedExtensionConfig:
    """Return how names are resolved, in all clusters."""
    return extension(
        "envoy.network.dns_resolver.cares",
        CaresDnsResolverConfig(query_timeout_seconds=DNS_SECONDS, query_tries=DNS_TRIES),
    )


def is_address(host: str) -> bool:
    """Tell whether *host* is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
