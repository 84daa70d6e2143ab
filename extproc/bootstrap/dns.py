"""Cluster discovery: static addresses, or DNS."""

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
"""Envoy does not listen before every name has been resolved once: with a DNS server that does not respond that takes
most of a minute by default, and six seconds with these limits."""


def static_cluster(name: str) -> Cluster:
    """Return a new cluster *name* of static addresses: IP addresses, Unix sockets or internal listeners."""
    return Cluster(name=name, type=ClusterDiscoveryType.STATIC)


def dns_cluster(name: str, *, endpoint_per_address: bool) -> Cluster:
    """Return a new cluster *name* of host names, which are re-resolved when their TTL expires.

    By default all addresses of a name are one endpoint and tried in turn, of both families: for a provider with IPv6
    and a host without, or `localhost` with a server on 127.0.0.1 only. With *endpoint_per_address* each is an endpoint.
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
    """Return the DNS resolver of all clusters."""
    return extension(
        "envoy.network.dns_resolver.cares",
        CaresDnsResolverConfig(query_timeout_seconds=DNS_SECONDS, query_tries=DNS_TRIES),
    )


def is_address(host: str) -> bool:
    """Return whether *host* is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
