"""Answers that Envoy makes itself, as JSON in the shape that the client's SDK knows from the API it uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.accesslog.v3 import AccessLogFilter, ExtensionFilter
from envoy_data_plane.envoy.config.core.v3 import HeaderValue, HeaderValueOption, SubstitutionFormatString
from envoy_data_plane.envoy.extensions.access_loggers.filters.cel.v3 import ExpressionFilter
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    LocalReplyConfig,
    ResponseMapper,
)
from envoy_data_plane.google.protobuf import Any as Packed
from envoy_data_plane.google.protobuf import Struct

from extproc import names
from extproc.bootstrap.browsers import METHODS
from extproc.exchange.client_errors import kinds
from extproc.exchange.headers import VERSION
from extproc.exchange.url.resources import BASE_SEGMENTS, MESSAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.exchange.client_errors.kinds import Body, ErrorKind


@dataclass(frozen=True, slots=True)
class LocalReply:
    """What the client is told, *when* (a CEL expression over Envoy's attributes) holds."""

    when: str
    kind: ErrorKind
    status: int | None = None  # None: Envoy's own
    headers: tuple[tuple[str, str], ...] = ()  # `LOST` where it takes the place of a provider's response


REQUEST_ID = "%REQ(X-REQUEST-ID)%"
"""The request's id, in Envoy's words; nothing for what is not even a request."""

WHY = "%RESPONSE_CODE_DETAILS%"
"""Why there is no response of a provider's, in Envoy's words: for the log."""

FROM_SIDECAR = "response.code_details == '' || response.code_details.startsWith('extproc')"
"""An ImmediateResponse of the sidecar is a local reply too, and must stay as it is. It is known by its details: the
sidecar gives none or its own, Envoy always says something."""

FOR_ANTHROPIC = (
    f"'{VERSION}' in request.headers || request.url_path.matches('^(/({'|'.join(BASE_SEGMENTS)}))*{MESSAGES}(/|$)')"
)
"""A request by which a client shows that it knows Anthropic's errors. At a provider's own path only its header tells:
the sidecar adds it to every such request."""

TOO_LARGE = LocalReply("response.code == 413", kinds.BODY_TOO_LARGE)
NO_WORKER = LocalReply(
    f"response.code_details == 'cluster_not_found' && !('{names.CLUSTER}' in request.headers)",
    kinds.POLICY_UNAVAILABLE,
    headers=(("retry-after", "1"),),
)
ON_ATTEMPT = (
    replace(TOO_LARGE, headers=((names.LOST, "413"),)),
    NO_WORKER,
    LocalReply(
        "response.code == 504 || response.code == 408",
        kinds.PROVIDER_TIMEOUT,
        headers=((names.LOST, f"{names.TIMED_OUT} {WHY}"),),
    ),
    LocalReply("response.code >= 500", kinds.CONNECTION_ERROR, headers=((names.LOST, f"{names.BROKEN} {WHY}"),)),
)
ON_EDGE = (
    LocalReply(
        "request.method == 'OPTIONS' && 'access-control-request-method' in request.headers && "
        "(response.code == 405 || response.code_details == 'cluster_not_found') || "
        "response.code == 403 && response.code_details == 'direct_response'",
        kinds.ORIGIN_NOT_ALLOWED,
        status=403,
    ),
    LocalReply(
        "response.code == 405 || request.method == 'CONNECT'",
        kinds.METHOD_NOT_ALLOWED,
        status=405,
        headers=(("allow", ", ".join(METHODS)),),
    ),
    # Envoy's own 403 has Codex try seven times, for seven seconds, before it goes on over HTTP, and a 400 ends it.
    LocalReply("response.code == 426 || response.code_details == 'upgrade_failed'", kinds.NO_WEBSOCKET, status=426),
    LocalReply("response.code == 504", kinds.GATEWAY_TIMEOUT),
    LocalReply("response.code == 408", kinds.OVERDUE_REQUEST),
    LocalReply("response.code == 431", kinds.HEADERS_TOO_LARGE),
    replace(NO_WORKER, when="response.code == 503"),
    # 501: a transfer coding that Envoy does not know.
    LocalReply("response.code >= 400 && response.code < 500 || response.code == 501", kinds.NOT_UNDERSTOOD),
    LocalReply("response.code >= 500", kinds.GATEWAY_ERROR),
)


def edge_replies(body_limit: int) -> LocalReplyConfig:
    """Return how the edge's own answers read, where bodies of more than *body_limit* bytes are refused."""
    too_large = replace(TOO_LARGE, kind=kinds.body_over(body_limit))
    return LocalReplyConfig(mappers=[*_mappers(too_large), *(one for error in ON_EDGE for one in _mappers(error))])


def attempt_replies() -> LocalReplyConfig:
    """Return how the attempt listener's own answers read; the sidecar's pass as they are.

    No format for what no expression fits: it would also apply to the sidecar's.
    """
    untouched = ResponseMapper(filter=_cel_filter(FROM_SIDECAR))
    return LocalReplyConfig(mappers=[untouched, *(one for error in ON_ATTEMPT for one in _mappers(error))])


def _mappers(error: LocalReply) -> Iterator[ResponseMapper]:
    """Yield how *error* is told, in Anthropic's shape where the client expects that: the first that fits is taken."""
    for anthropic, when in ((True, f"({error.when}) && ({FOR_ANTHROPIC})"), (False, error.when)):
        yield ResponseMapper(
            filter=_cel_filter(when),
            status_code=error.status,
            body_format_override=_json(error.kind.body(anthropic=anthropic, request_id=REQUEST_ID)),
            headers_to_add=_headers(error, anthropic=anthropic),
        )


def _headers(error: LocalReply, *, anthropic: bool) -> list[HeaderValueOption]:
    headers = (*kinds.request_id_headers(REQUEST_ID, anthropic=anthropic), *error.headers)
    return [HeaderValueOption(header=HeaderValue(key=name, value=value)) for name, value in headers]


def _cel_filter(expression: str) -> AccessLogFilter:
    return AccessLogFilter(
        extension_filter=ExtensionFilter(
            name="envoy.access_loggers.extension_filters.cel",
            typed_config=Packed.pack(ExpressionFilter(expression=expression)),
        )
    )


def _json(body: Body) -> SubstitutionFormatString:
    return SubstitutionFormatString(json_format=Struct.from_dict(body), content_type="application/json")
