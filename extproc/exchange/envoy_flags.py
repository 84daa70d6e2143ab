"""Envoy's response flags: why there is no response from the provider."""

from __future__ import annotations

from enum import IntFlag

from extproc.policy.outcome import Kind


class Flag(IntFlag):
    """The bits of Envoy's `response.flags` that say why there is no response from the provider.

    Source: Envoy `envoy/stream_info/stream_info.h`, enum CoreResponseFlag; the bit is 1 << its position.
    """

    NO_HEALTHY_UPSTREAM = 1 << 1  # UH
    UPSTREAM_REQUEST_TIMEOUT = 1 << 2  # UT
    LOCAL_RESET = 1 << 3  # LR
    UPSTREAM_REMOTE_RESET = 1 << 4  # UR
    UPSTREAM_CONNECTION_FAILURE = 1 << 5  # UF
    UPSTREAM_CONNECTION_TERMINATION = 1 << 6  # UC
    UPSTREAM_OVERFLOW = 1 << 7  # UO
    NO_ROUTE_FOUND = 1 << 8  # NR
    DOWNSTREAM_CONNECTION_TERMINATION = 1 << 14  # DC
    STREAM_IDLE_TIMEOUT = 1 << 16  # SI
    DOWNSTREAM_PROTOCOL_ERROR = 1 << 18  # DPE
    MAX_STREAM_DURATION = 1 << 19  # UMSDR
    DURATION_TIMEOUT = 1 << 22  # DT
    UPSTREAM_PROTOCOL_ERROR = 1 << 23  # UPE
    NO_CLUSTER_FOUND = 1 << 24  # NC
    DNS_RESOLUTION_FAILED = 1 << 26  # DF
    DOWNSTREAM_REMOTE_RESET = 1 << 28  # DR


_CLIENT_GONE = Flag.DOWNSTREAM_CONNECTION_TERMINATION | Flag.DOWNSTREAM_PROTOCOL_ERROR | Flag.DOWNSTREAM_REMOTE_RESET
_TIMEOUT = Flag.UPSTREAM_REQUEST_TIMEOUT | Flag.STREAM_IDLE_TIMEOUT | Flag.MAX_STREAM_DURATION | Flag.DURATION_TIMEOUT
_CONNECTION_ERROR = (
    Flag.NO_HEALTHY_UPSTREAM
    | Flag.LOCAL_RESET
    | Flag.UPSTREAM_REMOTE_RESET
    | Flag.UPSTREAM_CONNECTION_FAILURE
    | Flag.UPSTREAM_CONNECTION_TERMINATION
    | Flag.UPSTREAM_OVERFLOW
    | Flag.NO_ROUTE_FOUND
    | Flag.UPSTREAM_PROTOCOL_ERROR
    | Flag.NO_CLUSTER_FOUND
    | Flag.DNS_RESOLUTION_FAILED
)


def classify_local_reply(status: int, flags: int) -> Kind:
    """Return the class of a local reply, which Envoy made because the provider sent none."""
    if flags & _CLIENT_GONE:
        return Kind.REJECTED
    if flags & _TIMEOUT:
        return Kind.TIMEOUT
    if flags & _CONNECTION_ERROR:
        return Kind.CONNECTION_ERROR
    # No flag of ours: 413 by the body limit and other refusals of the request itself end it; a 5xx
    # without a reason we know is as good as no response.
    return Kind.CONNECTION_ERROR if status >= 500 else Kind.REJECTED
