"""Settings that the two HTTP listeners share."""

from __future__ import annotations

from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain
from envoy_data_plane.envoy.config.route.v3 import Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpFilter,
    RequestIdExtension,
)
from envoy_data_plane.envoy.extensions.request_id.uuid.v3 import UuidRequestIdConfig
from envoy_data_plane.google.protobuf import Any as Packed

from extproc.bootstrap.proto import http_filter

PROVIDERS_HEADERS = 216
PROVIDERS_HEADERS_KB = 136
"""Limits of a provider's response: by default Envoy rejects one with more than 100 headers, or 60 KiB of them.

Documented are 200 and 128 KiB. Headers that the sidecar and Envoy add count, too, and a response that exceeds the
limits only then becomes a 500."""

MAX_HEADERS = 256
MAX_HEADERS_KB = 256
"""Internal limits: above those and Envoy's own at the edge (100 headers, 60 KiB), because of the attempt state and a
few other headers."""


def filter_chains(manager: HttpConnectionManager) -> list[FilterChain]:
    """Return the filter chains of a listener with *manager* as its only filter."""
    name = "envoy.filters.network.http_connection_manager"
    return [FilterChain(filters=[Filter(name=name, typed_config=Packed.pack(manager))])]


def only_route(action: RouteAction) -> list[Route]:
    """Return the routes of a virtual host with a single route."""
    return [Route(match=RouteMatch(prefix="/"), route=action)]


def only_host(name: str, virtual_host: VirtualHost) -> RouteConfiguration:
    """Return the routes of a listener that has one *virtual_host*, whatever host a request names."""
    virtual_host.name = name
    virtual_host.domains = ["*"]
    return RouteConfiguration(name=name, virtual_hosts=[virtual_host])


def router(*upstream_filters: HttpFilter) -> HttpFilter:
    """Return the router, which adds no `x-envoy-*` headers for client or provider.

    *upstream_filters* apply to every cluster without an upstream chain of its own.
    """
    return http_filter(
        "envoy.filters.http.router", Router(suppress_envoy_headers=True, upstream_http_filters=list(upstream_filters))
    )


def preserved_request_id() -> RequestIdExtension:
    """Return the extension that keeps a client's `x-request-id`; by default Envoy encodes its tracing decision."""
    return RequestIdExtension(
        typed_config=Packed.pack(UuidRequestIdConfig(pack_trace_reason=False, use_request_id_for_trace_sampling=False))
    )
