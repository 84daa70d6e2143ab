"""The clusters of the providers, one for each endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.cluster.v3 import UpstreamConnectionOptions
from envoy_data_plane.envoy.config.core.v3 import (
    DataSource,
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    TcpKeepalive,
    TransportSocket,
    UpstreamHttpProtocolOptions,
)
from envoy_data_plane.envoy.config.core.v3 import HttpProtocolOptions as AnyHttpOptions
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptions,
    HttpProtocolOptionsAutoHttpConfig,
    HttpProtocolOptionsExplicitHttpConfig,
)
from envoy_data_plane.google.protobuf import Any as Packed

from extproc.bootstrap.cluster_defaults import circuit_breakers, endpoints, http_options
from extproc.bootstrap.dns import dns_cluster, is_address, static_cluster
from extproc.bootstrap.http_listener import PROVIDERS_HEADERS, PROVIDERS_HEADERS_KB
from extproc.bootstrap.proto import duration, socket_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envoy_data_plane.envoy.config.cluster.v3 import Cluster as EnvoyCluster
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

    from extproc.config.gateway import Cluster

KEEPALIVE = TcpKeepalive(keepalive_time=30, keepalive_interval=10, keepalive_probes=3)
"""A provider may send nothing for minutes while a model generates: a dead connection is detected after a minute."""


def provider_cluster(
    cluster: Cluster, *, ca_file: str, name: str | None = None, filters: Sequence[HttpFilter] = ()
) -> EnvoyCluster:
    """Return the cluster of one provider endpoint; *ca_file* holds the authorities that TLS trusts.

    *name* is its name if not that of the configuration. *filters* replace the upstream filters of the attempt
    listener's router.
    """
    name = name or cluster.name
    found = static_cluster(name) if is_address(cluster.host) else dns_cluster(name, endpoint_per_address=False)
    found.connect_timeout = duration(cluster.connect_timeout)
    found.load_assignment = endpoints(name, [socket_address(cluster.host, cluster.port)])
    found.circuit_breakers = circuit_breakers()
    found.upstream_connection_options = UpstreamConnectionOptions(tcp_keepalive=KEEPALIVE)
    options = _http(cluster)
    options.http_filters = list(filters)
    found.typed_extension_protocol_options = http_options(options)
    if cluster.tls:
        found.transport_socket = _tls(ca_file)
    return found


def _http(cluster: Cluster) -> HttpProtocolOptions:
    """Return HTTP/1.1 for plain connections, ALPN's choice for TLS.

    SNI is the host of the request, and the certificate must be for that host.
    """
    common = AnyHttpOptions(
        idle_timeout=duration(cluster.idle_timeout),
        max_headers_count=PROVIDERS_HEADERS,
        max_response_headers_kb=PROVIDERS_HEADERS_KB,
    )
    # RFC 9112 section 6.3: a response with both is chunked. By default Envoy rejects it, although it was paid for.
    http1 = Http1ProtocolOptions(allow_chunked_length=True)
    if not cluster.tls:
        return HttpProtocolOptions(
            common_http_protocol_options=common,
            explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http_protocol_options=http1),
        )
    return HttpProtocolOptions(
        common_http_protocol_options=common,
        upstream_http_protocol_options=UpstreamHttpProtocolOptions(auto_sni=True, auto_san_validation=True),
        auto_config=HttpProtocolOptionsAutoHttpConfig(
            http_protocol_options=http1, http2_protocol_options=Http2ProtocolOptions()
        ),
    )


def _tls(ca_file: str) -> TransportSocket:
    trusted = CertificateValidationContext(trusted_ca=DataSource(filename=ca_file))
    return TransportSocket(
        name="envoy.transport_sockets.tls",
        typed_config=Packed.pack(UpstreamTlsContext(common_tls_context=CommonTlsContext(validation_context=trusted))),
    )
