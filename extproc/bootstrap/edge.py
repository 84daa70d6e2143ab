"""The edge listener: what clients reach. It re-sends a request as long as the answer says so, and knows no provider."""

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
"""The host of an HTTP/1.0 request that names none: Envoy insists on one. Nothing depends on it."""

MAX_STREAMS = 100
"""How many requests one HTTP/2 connection may have open, as Envoy's edge best practices say. Clients open another."""

MAX_CONNECTIONS = 50_000
"""How many connections clients may have in all, as Envoy's edge best practices say: past it, new ones are refused at
once and those that are there go on."""

HEADERS_TIMEOUT: Millis = 10_000
"""How long a client may take to send its request's headers: a slow one holds a connection and nothing else."""

SLACK: Millis = 30_000
"""By how much the edge's limits exceed the listener's timeout and any silence, so that those speak first."""

FIRST_BACK_OFF: Millis = 1
"""A re-dispatch is immediate: any waiting has its place in the sidecar."""

LAST_BACK_OFF: Millis = 250
"""While no worker answers, tries come this far apart: a worker's restart is bridged, not rushed through."""


def edge_listener(
    listener: Listener, *, silence: Millis, body_limit: int, retries: int, log_format: LogFormat = LogFormat.TEXT
) -> EnvoyListener:
    """Return the listener that clients reach: bodies up to *body_limit* bytes, at most *retries* re-dispatches.

    *silence* is the longest that a provider may keep.

    A path means one thing, however it is written: `..`, `//`, `%2F` and needless escapes are resolved before anybody
    looks at it. Escaped slashes are not refused, as Envoy's edge best practices would: SDKs write a model's name so
    where it is part of the path (`/v1/models/openai%2Fgpt-4o`). Headers with underscores pass: Codex sends some.
    """
    manager = HttpConnectionManager(
        stat_prefix=names.EDGE_LISTENER,
        access_log=[cut_responses(names.EDGE_LISTENER, log_format)],
        early_header_mutation_extensions=[internal_headers.from_client()],
        http_filters=[
            *cors_filters(listener.origins),
            _health_check(),
            finish_marked_responses(),
            _whole_body(body_limit),
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
    """Return what refuses connections past `MAX_CONNECTIONS`; those inside Envoy do not count."""
    name = "envoy.resource_monitors.global_downstream_max_connections"
    limit = DownstreamConnectionsConfig(max_active_downstream_connections=MAX_CONNECTIONS)
    return OverloadManager(resource_monitors=[ResourceMonitor(name=name, typed_config=Packed.pack(limit))])


def _health_check() -> HttpFilter:
    """Return the filter that answers `HEALTH_PATH` itself: 200 while at least one worker is healthy, else 503."""
    return http_filter(
        "envoy.filters.http.health_check",
        HealthCheck(
            pass_through_mode=False,
            headers=[HeaderMatcher(name=":path", string_match=StringMatcher(exact=HEALTH_PATH))],
            cluster_min_healthy_percentages={names.EXTPROC_CLUSTER: Percent(value=1)},
        ),
    )


def _whole_body(limit: int) -> HttpFilter:
    """Return the filter that lets a request go on once its body is there, and refuses one that is too big.

    ext_proc waits for the whole body anyway. Waiting here means that the router has a complete request: it never
    retries an answer that came before the request was complete, and with no worker alive that answer comes at once.
    """
    return http_filter(BUFFER, Buffer(max_request_bytes=limit))


def _attempts(listener: Listener, body_limit: int, retries: int) -> VirtualHost:
    return VirtualHost(
        request_body_buffer_limit=2 * body_limit,  # Envoy 1.37 counts twice what the filter before has kept
        response_headers_to_remove=list(internal_headers.NOT_FOR_CLIENTS),
        typed_per_filter_config=dict(cors_policy(listener.origins)),
        routes=preflights(listener.origins)
        + refused(listener.origins)
        + only_route(
            RouteAction(
                cluster=names.ATTEMPT_CLUSTER,
                timeout=duration(
                    0
                ),  # it would cut streams that have begun: the sidecar limits each attempt by what is left
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
