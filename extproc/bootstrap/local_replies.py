"""Envoy's local replies, as JSON in the error format of the requested API."""

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
    """The error for the client, *when* (a CEL expression over Envoy's attributes) is true."""

    when: str
    kind: ErrorKind
    status: int | None = None  # None: Envoy's own
    headers: tuple[tuple[str, str], ...] = ()  # `LOST` if it replaces a provider's response


REQUEST_ID = "%REQ(X-REQUEST-ID)%"
"""The request id, as an Envoy command operator; empty for an invalid request."""

WHY = "%RESPONSE_CODE_DETAILS%"
"""Why there is no response of a provider: Envoy's response code details, for the log."""

FROM_SIDECAR = "response.code_details == '' || response.code_details.startsWith('extproc')"
"""An ImmediateResponse of the sidecar is a local reply, too, and must not be changed. It is recognized by its details:
the sidecar sends none or its own, Envoy always sets some."""

FOR_ANTHROPIC = (
    f"'{VERSION}' in request.headers || request.url_path.matches('^(/({'|'.join(BASE_SEGMENTS)}))*{MESSAGES}(/|$)')"
)
"""A request of a client that expects Anthropic's errors. On a provider's own path only the header is decisive: the
sidecar adds it to every such request."""

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
    # With Envoy's own 403, Codex tries for seven seconds before it falls back to HTTP; with a 400 it gives up.
    LocalReply("response.code == 426 || response.code_details == 'upgrade_failed'", kinds.NO_WEBSOCKET, status=426),
    LocalReply("response.code == 504", kinds.GATEWAY_TIMEOUT),
    LocalReply("response.code == 408", kinds.OVERDUE_REQUEST),
    LocalReply("response.code == 431", kinds.HEADERS_TOO_LARGE),
    replace(NO_WORKER, when="response.code == 503"),
    # 501: an unknown transfer coding.
    LocalReply("response.code >= 400 && response.code < 500 || response.code == 501", kinds.NOT_UNDERSTOOD),
    LocalReply("response.code >= 500", kinds.GATEWAY_ERROR),
)


def edge_replies(body_limit: int) -> LocalReplyConfig:
    """Return the local replies of the edge, where bodies of more than *body_limit* bytes are rejected."""
    too_large = replace(TOO_LARGE, kind=kinds.body_over(body_limit))
    return LocalReplyConfig(mappers=[*_mappers(too_large), *(one for error in ON_EDGE for one in _mappers(error))])


def attempt_replies() -> LocalReplyConfig:
    """Return the local replies of the attempt listener; the sidecar's are not changed.

    There is no default format: it would also apply to the sidecar's.
    """
    untouched = ResponseMapper(filter=_cel_filter(FROM_SIDECAR))
    return LocalReplyConfig(mappers=[untouched, *(one for error in ON_ATTEMPT for one in _mappers(error))])


def _mappers(error: LocalReply) -> Iterator[ResponseMapper]:
    """Yield the mappers of *error*, first in Anthropic's format, for its clients: the first match applies."""
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
