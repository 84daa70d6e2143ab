"""Answers that Envoy makes itself, as JSON in OpenAI's error shape.

Messages are constant: Envoy's own texts tell addresses and how the inside is wired.
"""

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

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Error:
    """What the client is told, *when* (a CEL expression over Envoy's attributes) holds."""

    when: str
    type: str
    message: str
    code: str | None = None
    retry_after: int | None = None  # seconds


SIDECARS_OWN = "response.code_details == '' || response.code_details.startsWith('extproc')"
"""An ImmediateResponse of the sidecar is a local reply too, and must stay as it is. It is known by its details: the
sidecar gives none or its own, Envoy always says something."""

TOO_LARGE = Error(
    "response.code == 413",
    "invalid_request_error",
    "The request's body is larger than this gateway accepts.",
    "request_too_large",
)
NO_WORKER = Error(
    f"response.code_details == 'cluster_not_found' && !('{names.CLUSTER}' in request.headers)",
    "policy_unavailable",
    "This gateway cannot decide where to send the request at the moment: no policy worker is available.",
    retry_after=1,
)
ON_ATTEMPT = (
    TOO_LARGE,
    NO_WORKER,
    Error("response.code == 504 || response.code == 408", "timeout", "The provider has not answered in time."),
    Error("response.code >= 500", "connection_error", "The provider could not be reached."),
)
ON_EDGE = (
    TOO_LARGE,
    Error("response.code == 504", "timeout", "No answer within this gateway's time limit."),
    Error("response.code == 408", "timeout", "The request has not arrived within this gateway's time limit."),
    replace(NO_WORKER, when="response.code == 503"),
    Error("response.code < 500", "invalid_request_error", "This is not a request that this gateway understands."),
)
OTHERWISE = Error("", "gateway_error", "This gateway has failed.")


def edge_replies() -> LocalReplyConfig:
    """Return how the edge's own answers read."""
    return LocalReplyConfig(mappers=[*_mappers(ON_EDGE)], body_format=_json(OTHERWISE))


def attempt_replies() -> LocalReplyConfig:
    """Return how the attempt listener's own answers read; the sidecar's pass as they are.

    No format for what no expression fits: it would also apply to the sidecar's.
    """
    untouched = ResponseMapper(filter=_holds(SIDECARS_OWN))
    return LocalReplyConfig(mappers=[untouched, *_mappers(ON_ATTEMPT)])


def _mappers(errors: Iterable[Error]) -> Iterable[ResponseMapper]:
    return (
        ResponseMapper(filter=_holds(error.when), body_format_override=_json(error), headers_to_add=_headers(error))
        for error in errors
    )


def _headers(error: Error) -> list[HeaderValueOption]:
    if error.retry_after is None:
        return []
    return [HeaderValueOption(header=HeaderValue(key="retry-after", value=str(error.retry_after)))]


def _holds(expression: str) -> AccessLogFilter:
    return AccessLogFilter(
        extension_filter=ExtensionFilter(
            name="envoy.access_loggers.extension_filters.cel",
            typed_config=Packed.pack(ExpressionFilter(expression=expression)),
        )
    )


def _json(error: Error) -> SubstitutionFormatString:
    body = {"message": error.message, "type": error.type, "param": None, "code": error.code}
    return SubstitutionFormatString(json_format=Struct.from_dict({"error": body}), content_type="application/json")
