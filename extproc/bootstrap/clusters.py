"""The two internal clusters: the attempt listener and the sidecar's workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.cluster.v3 import ClusterCommonLbConfig, ClusterLbPolicy, OutlierDetection
from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    EnvoyInternalAddress,
    HealthCheck,
    HealthCheckGrpcHealthCheck,
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    KeepaliveSettings,
)
from envoy_data_plane.envoy.config.core.v3 import HttpProtocolOptions as AnyHttpOptions
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptions,
    HttpProtocolOptionsExplicitHttpConfig,
)
from envoy_data_plane.envoy.type.v3 import Percent

from extproc import names
from extproc.bootstrap.cluster_defaults import circuit_breakers, endpoints, http_options, last_upstream_filter
from extproc.bootstrap.dns import dns_cluster, is_address, static_cluster
from extproc.bootstrap.http_listener import MAX_HEADERS, MAX_HEADERS_KB
from extproc.bootstrap.mutual_tls import mutual_tls
from extproc.bootstrap.proto import duration, envoy_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envoy_data_plane.envoy.config.cluster.v3 import Cluster
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

    from extproc.addresses import TcpAddress, UnixAddress
    from extproc.config.gateway import RetryBudget
    from extproc.policy.units import Millis
    from extproc.tls_files import TlsFiles

CONNECT_TIMEOUT: Millis = 1_000
"""For both clusters, which are on this host or close to it."""

INTERNAL_IDLE_TIMEOUT: Millis = 300_000
"""Idle internal connections are closed by the client side, long before the server side does."""

CHECK_INTERVAL: Millis = 200
"""The interval of health checks of a worker."""

RETURN_INTERVAL: Millis = 50
"""The interval of health checks of an unhealthy worker: its replacement serves within some tens of milliseconds."""

CHECK_TIMEOUT: Millis = 2_000
"""Long enough for a worker that is busy with a large body."""

EJECTION: Millis = 2_000
LONGEST_EJECTION: Millis = 10_000
"""The first and the longest ejection of a worker that passes health checks and fails attempts."""

PING_INTERVAL: Millis = 300
PING_TIMEOUT: Millis = 1_500
"""A worker that hangs, or whose host is down, does not respond to HTTP/2 pings: its streams are reset then, and their
requests go to another worker, within two seconds. A busy worker responds: between two large bodies, each of which takes
a part of a second, or, with gRPC, from a separate thread."""

WINDOW = 16 * 1024 * 1024
"""HTTP/2 flow-control window for mutated bodies: with the default a large one would take many round trips."""


def attempt_cluster(retry_budget: RetryBudget | None, state_carrier: HttpFilter) -> Cluster:
    """Return the cluster whose only endpoint is the attempt listener, in memory; *state_carrier* sees each attempt.

    HTTP/1.1 is as fast as HTTP/2 there, and isolates requests from each other.
    """
    inside = Address(envoy_internal_address=EnvoyInternalAddress(server_listener_name=names.ATTEMPT_LISTENER))
    cluster = static_cluster(names.ATTEMPT_CLUSTER)
    cluster.connect_timeout = duration(CONNECT_TIMEOUT)
    cluster.load_assignment = endpoints(names.ATTEMPT_CLUSTER, [inside])
    cluster.circuit_breakers = circuit_breakers(retry_budget)
    cluster.typed_extension_protocol_options = http_options(
        HttpProtocolOptions(
            common_http_protocol_options=AnyHttpOptions(
                idle_timeout=duration(INTERNAL_IDLE_TIMEOUT),
                max_headers_count=MAX_HEADERS,
                max_response_headers_kb=MAX_HEADERS_KB,
            ),
            explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http_protocol_options=Http1ProtocolOptions()),
            http_filters=[state_carrier, last_upstream_filter()],
        )
    )
    return cluster


def extproc_cluster(addresses: Sequence[UnixAddress | TcpAddress], tls: TlsFiles | None = None) -> Cluster:
    """Return the cluster of the sidecar's workers at *addresses*, by *tls* where they are TCP's.

    If all of them are unhealthy, all are tried (panic mode): a late health check must not reject requests.
    """
    workers = [envoy_address(address) for address in addresses]
    if any(worker.socket_address and not is_address(worker.socket_address.address) for worker in workers):
        cluster = dns_cluster(names.EXTPROC_CLUSTER, endpoint_per_address=True)
    else:
        cluster = static_cluster(names.EXTPROC_CLUSTER)
    cluster.connect_timeout = duration(CONNECT_TIMEOUT)
    cluster.lb_policy = ClusterLbPolicy.LEAST_REQUEST
    cluster.common_lb_config = ClusterCommonLbConfig(healthy_panic_threshold=Percent(value=1))
    cluster.load_assignment = endpoints(names.EXTPROC_CLUSTER, workers)
    cluster.health_checks = [_health_check()]
    if tls is not None and any(worker.socket_address for worker in workers):
        cluster.transport_socket = mutual_tls(tls)
    cluster.outlier_detection = _outlier_detection()
    cluster.circuit_breakers = circuit_breakers()
    cluster.typed_extension_protocol_options = http_options(
        HttpProtocolOptions(explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http2_protocol_options=_http2()))
    )
    return cluster


def _health_check() -> HealthCheck:
    return HealthCheck(
        timeout=duration(CHECK_TIMEOUT),
        interval=duration(CHECK_INTERVAL),
        no_traffic_interval=duration(CHECK_INTERVAL),
        unhealthy_interval=duration(RETURN_INTERVAL),
        unhealthy_edge_interval=duration(RETURN_INTERVAL),
        unhealthy_threshold=2,
        healthy_threshold=1,
        grpc_health_check=HealthCheckGrpcHealthCheck(),
    )


def _outlier_detection() -> OutlierDetection:
    """Return the outlier detection: a healthy worker is ejected after five consecutive failed streams.

    Failed connects do not count. A worker that dies is replaced within some tens of milliseconds, and an ejection would
    last longer; a worker that cannot be connected to is skipped without it.
    """
    return OutlierDetection(
        split_external_local_origin_errors=True,
        enforcing_consecutive_local_origin_failure=0,
        enforcing_local_origin_success_rate=0,
        enforcing_success_rate=0,
        interval=duration(CHECK_INTERVAL),
        base_ejection_time=duration(EJECTION),
        max_ejection_time=duration(LONGEST_EJECTION),
        max_ejection_percent=50,
        successful_active_health_check_uneject_host=False,
    )


def _http2() -> Http2ProtocolOptions:
    return Http2ProtocolOptions(
        initial_stream_window_size=WINDOW,
        initial_connection_window_size=WINDOW,
        connection_keepalive=KeepaliveSettings(interval=duration(PING_INTERVAL), timeout=duration(PING_TIMEOUT)),
    )
