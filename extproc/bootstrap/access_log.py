"""What Envoy alone can tell: a response that was cut off after the client had been sent its headers."""

from __future__ import annotations

from types import MappingProxyType

from envoy_data_plane.envoy.config.accesslog.v3 import (
    AccessLog,
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    ComparisonFilterOp,
    ResponseFlagFilter,
    StatusCodeFilter,
)
from envoy_data_plane.envoy.config.core.v3 import DataSource, RuntimeUInt32, SubstitutionFormatString
from envoy_data_plane.envoy.extensions.access_loggers.stream.v3 import StderrAccessLog
from envoy_data_plane.google.protobuf import Any as Packed

from extproc import names

BY_PROVIDER = ("UC", "UR", "LR", "UPE")
BY_LIMIT = ("SI", "UT", "DT", "UMSDR")
"""Envoy's response flags: the connection broke, or a time limit ended the response."""

CAUSES = MappingProxyType({names.ATTEMPT_LISTENER: (*BY_PROVIDER, *BY_LIMIT), names.EDGE_LISTENER: BY_LIMIT})
"""What each listener tells: to the edge, whatever the attempt listener cuts is a connection that broke, and told
already."""


def cut_responses(listener: str) -> AccessLog:
    """Return the log of good responses that *listener* did not let come to their end.

    The sidecar has let them pass by then and sees nothing of them; those that fail before are in its own log.
    """
    good = ComparisonFilter(
        op=ComparisonFilterOp.LE, value=RuntimeUInt32(default_value=399, runtime_key="extproc.good")
    )
    filters = [
        AccessLogFilter(status_code_filter=StatusCodeFilter(comparison=good)),
        AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=list(CAUSES[listener]))),
    ]
    line = (
        f"%START_TIME% WARNING response_cut request_id=%REQ(X-REQUEST-ID)% listener={listener} "
        "cluster=%UPSTREAM_CLUSTER_RAW% status=%RESPONSE_CODE% "
        "envoy_details=%RESPONSE_CODE_DETAILS% flags=%RESPONSE_FLAGS% bytes=%BYTES_SENT% total_ms=%DURATION%\n"
    )
    text = SubstitutionFormatString(text_format_source=DataSource(inline_string=line))
    return AccessLog(
        name="envoy.access_loggers.stderr",
        filter=AccessLogFilter(and_filter=AndFilter(filters=filters)),
        typed_config=Packed.pack(StderrAccessLog(log_format=text)),
    )
