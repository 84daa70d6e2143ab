"""The attempt listener: each request through it is one attempt at one provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutationRules
from envoy_data_plane.envoy.config.core.v3 import (
    BackoffStrategy,
    GrpcService,
    GrpcServiceEnvoyGrpc,
    HeaderValue,
    HeaderValueOption,
    HeaderValueOptionHeaderAppendAction,
    HttpProtocolOptions,
    RetryPolicy,
    RetryPolicyRetryHostPredicate,
    SchemeHeaderTransformation,
)
from envoy_data_plane.envoy.config.listener.v3 import Listener, ListenerInternalListenerConfig
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher, Route, RouteAction, RouteMatch, VirtualHost
from envoy_data_plane.envoy.config.route.v3 import RetryPolicy as RouteRetryPolicy
from envoy_data_plane.envoy.extensions.filters.http.ext_proc.v3 import (
    ExternalProcessor,
    HeaderForwardingRules,
    MetadataOptions,
    MetadataOptionsMetadataNamespaces,
    ProcessingMode,
    ProcessingModeBodySendMode,
    ProcessingModeHeaderSendMode,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerServerHeaderTransformation,
    HttpFilter,
)
from envoy_data_plane.envoy.extensions.retry.host.previous_hosts.v3 import PreviousHostsPredicate
from envoy_data_plane.envoy.type.matcher.v3 import ListStringMatcher, StringMatcher
from envoy_data_plane.google.protobuf import Any as Packed

from extproc import names
from extproc.bootstrap.access_log import cut_responses
from extproc.bootstrap.cluster_defaults import last_upstream_filter
from extproc.bootstrap.degraded.envoy import degraded_routes
from extproc.bootstrap.http_listener import (
    MAX_HEADERS,
    MAX_HEADERS_KB,
    filter_chains,
    only_host,
    only_route,
    preserved_request_id,
    router,
)
from extproc.bootstrap.internal_headers import at_provider
from extproc.bootstrap.local_replies import attempt_replies
from extproc.bootstrap.proto import duration, http_filter
from extproc.bootstrap.timeouts import MARGIN
from extproc.config.gateway import LogFormat
from extproc.exchange.forwarded import FORWARDED, FORWARDED_PREFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.bootstrap.degraded.plan import Degraded
    from extproc.config.gateway import Cluster
    from extproc.policy.units import Millis

SLACK: Millis = 15_000
"""By how much the idle timeout of a stream exceeds the listener's timeout, if the provider has none of its own: less
than the edge's, because this listener's log has the cluster of an aborted response."""

WORKER_RETRY_INTERVAL: Millis = 1
"""The delay before a stream that one worker has refused is retried on another."""

HOST_SELECTION_ATTEMPTS = 40
"""How often Envoy's load balancer selects a host until it is one that has not failed this stream. LEAST_REQUEST prefers
the one that has just failed all of its streams: of two workers it is selected three times out of four."""


def attempt_listener(
    *,
    longest_hold: Millis,
    timeout: Millis,
    body_limit: int,
    read: Sequence[str] = (),
    clusters: Sequence[Cluster] = (),
    degraded: Degraded | None = None,
    log_format: LogFormat = LogFormat.TEXT,
) -> Listener:
    """Return the internal listener; the sidecar may hold an attempt for up to *longest_hold*.

    *timeout* is the listener's. *read* are the headers that the sidecar reads besides the usual ones. *clusters*
    are those of the providers, some with an idle timeout. *degraded* is the target of the fail-open mode; None: off.

    It has idle timeouts only: the sidecar sets the timeout up to the response headers for each attempt.
    """
    manager = HttpConnectionManager(
        stat_prefix=names.ATTEMPT_LISTENER,
        access_log=[cut_responses(names.ATTEMPT_LISTENER, log_format)],
        http_filters=[
            _ext_proc(longest_hold + MARGIN, (*FORWARDED, *read)),
            router(at_provider(), last_upstream_filter()),
        ],
        route_config=only_host(names.ATTEMPT_LISTENER, _virtual_host(body_limit, clusters, degraded)),
        local_reply_config=attempt_replies(),
        server_header_transformation=HttpConnectionManagerServerHeaderTransformation.PASS_THROUGH,
        scheme_header_transformation=SchemeHeaderTransformation(match_upstream=True),
        generate_request_id=False,
        preserve_external_request_id=True,
        request_id_extension=preserved_request_id(),
        skip_xff_append=True,
        max_request_headers_kb=MAX_HEADERS_KB,
        common_http_protocol_options=HttpProtocolOptions(max_headers_count=MAX_HEADERS),
        stream_idle_timeout=duration(timeout + SLACK),
        # By default an aborted response reaches the edge a second late; an in-memory connection needs no delayed close.
        delayed_close_timeout=duration(0),
    )
    return Listener(
        name=names.ATTEMPT_LISTENER,
        internal_listener=ListenerInternalListenerConfig(),
        filter_chains=filter_chains(manager),
    )


def _ext_proc(timeout: Millis, read: Sequence[str]) -> HttpFilter:
    """Return the ext_proc filter: after *timeout* without a response the request continues without the sidecar.

    It must get the request's headers: with SKIP, later header mutations are lost. It gets no response body, and its
    stream is kept to the end of the response, for the total latency: Envoy 1.37 and 1.38 do so only if trailers are
    requested. Headers other than those to *read* stay here.
    """
    return http_filter(
        "envoy.filters.http.ext_proc",
        ExternalProcessor(
            grpc_service=GrpcService(
                envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=names.EXTPROC_CLUSTER), retry_policy=_worker_retry_policy()
            ),
            message_timeout=duration(timeout),
            failure_mode_allow=True,
            allow_mode_override=True,  # to request the body of an error, where it is needed to classify it
            processing_mode=ProcessingMode(
                request_header_mode=ProcessingModeHeaderSendMode.SEND,
                request_body_mode=ProcessingModeBodySendMode.BUFFERED,
                request_trailer_mode=ProcessingModeHeaderSendMode.SKIP,
                response_header_mode=ProcessingModeHeaderSendMode.SEND,
                response_body_mode=ProcessingModeBodySendMode.NONE,
                response_trailer_mode=ProcessingModeHeaderSendMode.SEND,
            ),
            mutation_rules=HeaderMutationRules(allow_all_routing=True, allow_envoy=True),
            response_attributes=[names.FLAGS_ATTRIBUTE, names.DETAILS_ATTRIBUTE],
            forward_rules=HeaderForwardingRules(
                allowed_headers=ListStringMatcher(
                    patterns=[
                        *(StringMatcher(exact=name) for name in read),
                        *(StringMatcher(prefix=prefix) for prefix in FORWARDED_PREFIXES),
                    ]
                ),
                disallowed_headers=ListStringMatcher(patterns=[StringMatcher(exact=names.IN_FLIGHT)]),
            ),
            # The state of the attempt in flight, in case its response is not processed.
            metadata_options=MetadataOptions(
                receiving_namespaces=MetadataOptionsMetadataNamespaces(untyped=[names.STATE_METADATA])
            ),
        ),
    )


def _worker_retry_policy() -> RetryPolicy:
    """Return the retry policy of a stream whose worker dies or refuses it before its first message: on another worker.

    A retry by the edge would probably select the same one: a worker that fails at once has the fewest requests.
    """
    others = RetryPolicyRetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts", typed_config=Packed.pack(PreviousHostsPredicate())
    )
    return RetryPolicy(
        num_retries=2,
        retry_on="connect-failure,refused-stream,unavailable,reset",
        retry_back_off=BackoffStrategy(
            base_interval=duration(WORKER_RETRY_INTERVAL), max_interval=duration(WORKER_RETRY_INTERVAL)
        ),
        retry_host_predicate=[others],
        host_selection_retry_max_attempts=HOST_SELECTION_ATTEMPTS,
    )


def _virtual_host(body_limit: int, clusters: Sequence[Cluster], degraded: Degraded | None) -> VirtualHost:
    """Return the routes to the cluster that the sidecar names."""
    limited = [
        _route_with_idle_timeout(cluster.name, cluster.between_bytes) for cluster in clusters if cluster.between_bytes
    ]
    named = [*limited, *only_route(_provider_route())]
    return VirtualHost(
        request_body_buffer_limit=body_limit,
        response_headers_to_add=[
            _if_absent(names.UNPROCESSED, "%RESPONSE_CODE%"),
            _if_absent(names.IN_FLIGHT, f"%DYNAMIC_METADATA({names.STATE_METADATA}:{names.STATE_KEY})%"),
        ],
        routes=named if degraded is None else [*degraded_routes(degraded), *named],
    )


def _provider_route(silence: Millis | None = None) -> RouteAction:
    """Return where attempts go; *silence* ends one that brings nothing for so long, None: the listener's limit does.

    The edge makes retries, except of a request that the provider reports as not processed, because its HTTP/2
    connection was closing (RFC 9113 section 8.7): it is sent once more, with a policy or without. A failed connect is
    not retried here: a host that does not respond would cost the connect timeout twice.

    Silence is not the retry policy's: Envoy's `per_try_idle_timeout` ends nothing once the limit on the time to headers
    has passed.
    """
    return RouteAction(
        cluster_header=names.CLUSTER,
        timeout=duration(0),
        idle_timeout=None if silence is None else duration(silence),
        retry_policy=RouteRetryPolicy(retry_on="refused-stream", num_retries=1),
    )


def _route_with_idle_timeout(cluster: str, silence: Millis) -> Route:
    """Return the route of attempts at *cluster*."""
    named = HeaderMatcher(name=names.CLUSTER, string_match=StringMatcher(exact=cluster))
    return Route(match=RouteMatch(prefix="/", headers=[named]), route=_provider_route(silence))


def _if_absent(name: str, value: str) -> HeaderValueOption:
    """Return a header that is added to every response, Envoy's own included, unless it is present.

    `UNPROCESSED` and `IN_FLIGHT` give the edge the outcome of an attempt whose response was not processed.
    """
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value),
        append_action=HeaderValueOptionHeaderAppendAction.ADD_IF_ABSENT,
    )
