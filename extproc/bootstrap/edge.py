"""The edge listener, which accepts clients. It re-dispatches a request while its response is marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.core.v3 import Http1ProtocolOptions, Http2ProtocolOptions, TrafficDirection
from envoy_data_plane.envoy.config.listener.v3 import Listener as EnvoyListener
from envoy_data_plane.envoy.config.overload.v3 import OverloadManager, ResourceMonitor
from envoy_data_plane.envoy.config.route.v3 import (
    HeaderMatcher,
    RetryPolicy,
    RetryPolicyRetryBackOff,
    RouteAction,
    VirtualHost,
)
from envoy_data_plane.envoy.extensions.filters.http.buffer.v3 import Buffer
from envoy_data_plane.envoy.extensions.filters.http.health_check.v3 import HealthCheck
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerPathWithEscapedSlashesAction,
    HttpConnectionManagerServerHeaderTransformation,
    HttpFilter,
)
from envoy_data_plane.envoy.extensions.resource_monitors.downstream_connections.v3 import DownstreamConnectionsConfig
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any as Packed

from extproc import names
from extproc.bootstrap import internal_headers
from extproc.bootstrap.access_log import cut_responses
from extproc.bootstrap.browsers import cors_filters, cors_policy, preflights, refused
from extproc.bootstrap.http_listener import filter_chains, only_host, only_route, preserved_request_id, router
from extproc.bootstrap.local_replies import edge_replies
from extproc.bootstrap.lua_filters import finish_marked_responses
from extproc.bootstrap.proto import BUFFER, duration, http_filter, socket_address
from extproc.config.gateway import LogFormat

if TYPE_CHECKING:
    from extproc.config.gateway import Listener
    from extproc.policy.units import Millis

HEALTH_PATH = "/healthz"

HTTP_10_HOST = "localhost"
"""The host of an HTTP/1.0 request without one: Envoy requires it. It has no effect."""

MAX_STREAMS = 100
"""Concurrent requests of an HTTP/2 connection, as in Envoy's edge best practices. Clients open another connection."""

MAX_CONNECTIONS = 50_000
"""The limit of client connections, as in Envoy's edge best practices: beyond it, new ones are refused at once, and
existing ones are not affected."""

HEADERS_TIMEOUT: Millis = 10_000
"""The timeout for receiving a request's headers: a slow client occupies a connection only."""

SLACK: Millis = 30_000
"""By how much the edge's limits exceed the listener's timeout and any silence, so that those speak first."""

FIRST_BACK_OFF: Millis = 1
"""A re-dispatch is immediate: delays are made by the sidecar."""

LAST_BACK_OFF: Millis = 250
"""The longest back-off between retries without a worker."""


def edge_listener(
    listener: Listener, *, silence: Millis, body_limit: int, retries: int, log_format: LogFormat = LogFormat.TEXT
) -> EnvoyListener:
    """Return the listener that clients reach: bodies up to *body_limit* bytes, at most *retries* re-dispatches.

    *silence* is the longest that a provider may keep.

    Paths are normalized before any filter: `..`, `//`, `%2F` and needless escapes. Escaped slashes are not rejected, as
    Envoy's edge best practices recommend: SDKs use them for a model's name in the path (`/v1/models/openai%2Fgpt-4o`).
    Headers with underscores pass: Codex sends some.
    """
    manager = HttpConnectionManager(
        stat_prefix=names.EDGE_LISTENER,
        access_log=[cut_responses(names.EDGE_LISTENER, log_format)],
        early_header_mutation_extensions=[internal_headers.from_client()],
        http_filters=[
            *cors_filters(listener.origins),
            _health_check(),
            finish_marked_responses(),
            _buffer(body_limit),
            router(),
        ],
        route_config=only_host(names.EDGE_LISTENER, _attempts(listener, body_limit, retries)),
        local_reply_config=edge_replies(body_limit),
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action=HttpConnectionManagerPathWithEscapedSlashesAction.UNESCAPE_AND_FORWARD,
        http_protocol_options=Http1ProtocolOptions(accept_http_10=True, default_host_for_http_10=HTTP_10_HOST),
        http2_protocol_options=Http2ProtocolOptions(max_concurrent_streams=MAX_STREAMS),
        server_header_transformation=HttpConnectionManagerServerHeaderTransformation.PASS_THROUGH,
        generate_request_id=True,
        preserve_external_request_id=True,
        request_id_extension=preserved_request_id(),
        skip_xff_append=True,
        request_headers_timeout=duration(HEADERS_TIMEOUT),
        request_timeout=duration(listener.timeout + SLACK),
        stream_idle_timeout=duration(silence + SLACK),
    )
    return EnvoyListener(
        name=names.EDGE_LISTENER,
        address=socket_address(listener.address, listener.port),
        traffic_direction=TrafficDirection.INBOUND,  # Envoy's `drain_listeners?inboundonly` stops this one alone
        filter_chains=filter_chains(manager),
    )


def connection_limit() -> OverloadManager:
    """Return the overload manager, which limits connections to `MAX_CONNECTIONS`; internal ones do not count."""
    name = "envoy.resource_monitors.global_downstream_max_connections"
    limit = DownstreamConnectionsConfig(max_active_downstream_connections=MAX_CONNECTIONS)
    return OverloadManager(resource_monitors=[ResourceMonitor(name=name, typed_config=Packed.pack(limit))])


def _health_check() -> HttpFilter:
    """Return the health check filter, which responds to `HEALTH_PATH`: 200 if a worker is healthy, else 503."""
    return http_filter(
        "envoy.filters.http.health_check",
        HealthCheck(
            pass_through_mode=False,
            headers=[HeaderMatcher(name=":path", string_match=StringMatcher(exact=HEALTH_PATH))],
            cluster_min_healthy_percentages={names.EXTPROC_CLUSTER: Percent(value=1)},
        ),
    )


def _buffer(limit: int) -> HttpFilter:
    """Return the buffer filter, which waits for the whole body, and rejects one over the limit.

    ext_proc needs the whole body anyway. Buffering here means that the router has a complete request: it never retries
    a response that arrives before the request is complete, as it does at once without a worker.
    """
    return http_filter(BUFFER, Buffer(max_request_bytes=limit))


def _attempts(listener: Listener, body_limit: int, retries: int) -> VirtualHost:
    return VirtualHost(
        request_body_buffer_limit=2 * body_limit,  # Envoy 1.37 counts twice what the buffer filter holds
        response_headers_to_remove=list(internal_headers.NOT_FOR_CLIENTS),
        typed_per_filter_config=dict(cors_policy(listener.origins)),
        routes=preflights(listener.origins)
        + refused(listener.origins)
        + only_route(
            RouteAction(
                cluster=names.ATTEMPT_CLUSTER,
                timeout=duration(0),  # it would abort streams: the sidecar sets each attempt's timeout to what is left
                retry_policy=RetryPolicy(
                    retry_on="retriable-headers",
                    retriable_headers=[
                        HeaderMatcher(name=names.REDISPATCH, string_match=StringMatcher(exact="1")),
                        HeaderMatcher(
                            name=names.UNPROCESSED,
                            string_match=StringMatcher(safe_regex=RegexMatcher(regex=names.RETRIED_UNPROCESSED)),
                        ),
                    ],
                    num_retries=retries,
                    retry_back_off=RetryPolicyRetryBackOff(
                        base_interval=duration(FIRST_BACK_OFF), max_interval=duration(LAST_BACK_OFF)
                    ),
                ),
            )
        ),
    )
