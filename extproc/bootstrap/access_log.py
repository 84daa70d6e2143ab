"""Envoy's access log of incomplete responses: aborted after the headers were sent to the client."""

from __future__ import annotations

from types import MappingProxyType
from typing import assert_never

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
from envoy_data_plane.google.protobuf import Struct

from extproc import names
from extproc.config.gateway import LogFormat

BY_PROVIDER = ("UC", "UR", "LR", "UPE")
BY_LIMIT = ("SI", "UT", "DT", "UMSDR")
"""Envoy's response flags: the connection broke, or a timeout ended the response."""

_FIELDS = MappingProxyType(
    {
        "request_id": "%REQ(X-REQUEST-ID)%",
        "listener": "",
        "cluster": "%UPSTREAM_CLUSTER_RAW%",
        "status": "%RESPONSE_CODE%",
        "envoy_details": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "bytes": "%BYTES_SENT%",
        "total_ms": "%DURATION%",
    }
)

CAUSES = MappingProxyType({names.ATTEMPT_LISTENER: (*BY_PROVIDER, *BY_LIMIT), names.EDGE_LISTENER: BY_LIMIT})
"""Response flags that each listener logs. What the attempt listener aborts is a broken connection to the edge, and is
logged already."""


def cut_responses(listener: str, log_format: LogFormat) -> AccessLog:
    """Return the log, in *log_format*, of successful responses that *listener* aborted.

    The sidecar does not see what happens after the response headers; earlier failures are in its own log.
    """
    good = ComparisonFilter(
        op=ComparisonFilterOp.LE, value=RuntimeUInt32(default_value=399, runtime_key="extproc.good")
    )
    filters = [
        AccessLogFilter(status_code_filter=StatusCodeFilter(comparison=good)),
        AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=list(CAUSES[listener]))),
    ]
    return AccessLog(
        name="envoy.access_loggers.stderr",
        filter=AccessLogFilter(and_filter=AndFilter(filters=filters)),
        typed_config=Packed.pack(StderrAccessLog(log_format=_line(listener, log_format))),
    )


def _line(listener: str, log_format: LogFormat) -> SubstitutionFormatString:
    """Return the format of a line, which is that of the sidecar's log."""
    fields = {**_FIELDS, "listener": listener}
    match log_format:
        case LogFormat.TEXT:
            words = " ".join(f"{name}={value}" for name, value in fields.items())
            line = f"%START_TIME% WARNING response_cut {words}\n"
            return SubstitutionFormatString(text_format_source=DataSource(inline_string=line))
        case LogFormat.JSON:
            head = {"time": "%START_TIME%", "level": "warning", "event": "response_cut"}
            return SubstitutionFormatString(json_format=Struct.from_dict({**head, **fields}))
        case _:
            assert_never(log_format)
