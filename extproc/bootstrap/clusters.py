"""The two clusters inside: the attempt listener and the sidecar's workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.cluster.v3 import (
    Cluster,
    ClusterCommonLbConfig,
    ClusterDiscoveryType,
    ClusterLbPolicy,
)
from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    EnvoyInternalAddress,
    HealthCheck,
    HealthCheckGrpcHealthCheck,
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    Pipe,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptions,
    HttpProtocolOptionsExplicitHttpConfig,
)
from envoy_data_plane.envoy.type.v3 import Percent

from extproc import names
from extproc.bootstrap.carrier import state_carrier
from extproc.bootstrap.typed import duration, socket_address, split_host_port
from extproc.bootstrap.upstream import circuit_breakers, endpoints, http_options, last_upstream_filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envoy_data_plane.envoy.config.cluster.v3 import CircuitBreakersThresholdsRetryBudget

CONNECT_TIMEOUT = 1_000
CHECK_INTERVAL = 200
CHECK_TIMEOUT = 2_000
WINDOW = 16 * 1024 * 1024


def attempt_cluster(retry_budget: CircuitBreakersThresholdsRetryBudget | None) -> Cluster:
    """Return the cluster whose only endpoint is the attempt listener, in memory.

    HTTP/1.1 is as fast as HTTP/2 there, and keeps one request's fate apart from another's.
    """
    inside = Address(envoy_internal_address=EnvoyInternalAddress(server_listener_name=names.ATTEMPT_LISTENER))
    return Cluster(
        name=names.ATTEMPT_CLUSTER,
        type=ClusterDiscoveryType.STATIC,
        connect_timeout=duration(CONNECT_TIMEOUT),
        load_assignment=endpoints(names.ATTEMPT_CLUSTER, [inside]),
        circuit_breakers=circuit_breakers(retry_budget),
        typed_extension_protocol_options=http_options(
            HttpProtocolOptions(
                explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(
                    http_protocol_options=Http1ProtocolOptions()
                ),
                http_filters=[state_carrier(), last_upstream_filter()],
            )
        ),
    )


def extproc_cluster(addresses: Sequence[str]) -> Cluster:
    """Return the cluster of the sidecar's workers at *addresses* (`unix:/path` or `host:port`)."""
    return Cluster(
        name=names.EXTPROC_CLUSTER,
        type=ClusterDiscoveryType.STATIC,
        connect_timeout=duration(CONNECT_TIMEOUT),
        lb_policy=ClusterLbPolicy.LEAST_REQUEST,
        load_assignment=endpoints(names.EXTPROC_CLUSTER, [_worker(text) for text in addresses]),
        health_checks=[
            HealthCheck(
                timeout=duration(CHECK_TIMEOUT),
                interval=duration(CHECK_INTERVAL),
                no_traffic_interval=duration(CHECK_INTERVAL),
                unhealthy_threshold=2,
                healthy_threshold=1,
                grpc_health_check=HealthCheckGrpcHealthCheck(),
            )
        ],
        common_lb_config=ClusterCommonLbConfig(healthy_panic_threshold=Percent(value=1)),
        circuit_breakers=circuit_breakers(),
        typed_extension_protocol_options=http_options(
            HttpProtocolOptions(
                explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(
                    http2_protocol_options=Http2ProtocolOptions(
                        initial_stream_window_size=WINDOW, initial_connection_window_size=WINDOW
                    )
                ),
            )
        ),
    )


def _worker(address: str) -> Address:
    if address.startswith("unix:"):
        return Address(pipe=Pipe(path=address.removeprefix("unix:")))
    return socket_address(*split_host_port(address))
