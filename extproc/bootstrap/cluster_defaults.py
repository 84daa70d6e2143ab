"""Settings that all clusters share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    CircuitBreakersThresholdsRetryBudget,
)
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy_data_plane.envoy.extensions.filters.http.upstream_codec.v3 import UpstreamCodec
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any as Packed

from extproc.bootstrap.proto import http_filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envoy_data_plane.envoy.config.core.v3 import Address
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
    from envoy_data_plane.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions

    from extproc.config.gateway import RetryBudget

UNLIMITED = 1_000_000
"""Envoy's circuit breakers cut off at 1024 requests and 3 retries by default; load limits are up to the operator."""


def endpoints(cluster: str, addresses: Sequence[Address]) -> ClusterLoadAssignment:
    """Return *addresses* as the endpoints of *cluster*."""
    hosts = [LbEndpoint(endpoint=Endpoint(address=address)) for address in addresses]
    return ClusterLoadAssignment(cluster_name=cluster, endpoints=[LocalityLbEndpoints(lb_endpoints=hosts)])


def circuit_breakers(retry_budget: RetryBudget | None = None) -> CircuitBreakers:
    """Return circuit breakers without effective limits, except *retry_budget*, which replaces the limit of retries."""
    budget = None
    if retry_budget is not None:
        budget = CircuitBreakersThresholdsRetryBudget(
            budget_percent=Percent(value=retry_budget.percent), min_retry_concurrency=retry_budget.min_concurrency
        )
    return CircuitBreakers(
        thresholds=[
            CircuitBreakersThresholds(
                max_connections=UNLIMITED,
                max_pending_requests=UNLIMITED,
                max_requests=UNLIMITED,
                max_retries=UNLIMITED,
                retry_budget=budget,
            )
        ]
    )


def http_options(options: HttpProtocolOptions) -> dict[str, Packed]:
    """Return *options* as a cluster's typed extension protocol options."""
    return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": Packed.pack(options)}


def last_upstream_filter() -> HttpFilter:
    """Return the last filter of every upstream chain: the codec."""
    return http_filter("envoy.filters.http.upstream_codec", UpstreamCodec())
