"""What Envoy's response flags say of an attempt without a response from its provider."""

from __future__ import annotations

import pytest

from extproc.exchange.envoy_flags import Flag, classify_local_reply
from extproc.policy.outcome import Kind


@pytest.mark.parametrize(
    "flag",
    [
        Flag.NO_HEALTHY_UPSTREAM,
        Flag.LOCAL_RESET,
        Flag.UPSTREAM_REMOTE_RESET,
        Flag.UPSTREAM_CONNECTION_FAILURE,
        Flag.UPSTREAM_CONNECTION_TERMINATION,
        Flag.UPSTREAM_OVERFLOW,
        Flag.NO_ROUTE_FOUND,
        Flag.UPSTREAM_PROTOCOL_ERROR,
        Flag.NO_CLUSTER_FOUND,
        Flag.DNS_RESOLUTION_FAILED,
    ],
)
def test_a_provider_that_could_not_be_reached_is_a_connection_error(flag: Flag) -> None:
    """Refused, reset, no healthy host, broken before any response: whatever status Envoy gives it."""
    assert {classify_local_reply(status, flag) for status in (404, 502, 503)} == {Kind.CONNECTION_ERROR}


@pytest.mark.parametrize(
    "flag",
    [
        Flag.UPSTREAM_REQUEST_TIMEOUT,
        Flag.STREAM_IDLE_TIMEOUT,
        Flag.MAX_STREAM_DURATION,
        Flag.DURATION_TIMEOUT,
    ],
)
def test_a_provider_that_kept_silent_is_a_timeout(flag: Flag) -> None:
    """The router's limit, or the idle timeout before headers: even if the connection was reset because of it."""
    assert classify_local_reply(504, flag) is Kind.TIMEOUT
    assert classify_local_reply(504, flag | Flag.LOCAL_RESET) is Kind.TIMEOUT


@pytest.mark.parametrize(
    "flag",
    [Flag.DOWNSTREAM_CONNECTION_TERMINATION, Flag.DOWNSTREAM_PROTOCOL_ERROR, Flag.DOWNSTREAM_REMOTE_RESET],
)
def test_a_client_that_has_gone_ends_the_request(flag: Flag) -> None:
    """No client waits for another attempt, whatever else went wrong."""
    assert classify_local_reply(503, flag) is Kind.REJECTED
    assert classify_local_reply(503, flag | Flag.UPSTREAM_REQUEST_TIMEOUT | Flag.LOCAL_RESET) is Kind.REJECTED


def test_envoys_refusal_of_the_request_ends_it() -> None:
    """413 by Envoy's own buffer limit comes without a flag, and would come again."""
    assert [classify_local_reply(status, 0) for status in (413, 400, 431, 499)] == [Kind.REJECTED] * 4


def test_envoys_5xx_without_a_reason_we_know_is_a_connection_error() -> None:
    """The provider has not responded, so nothing is generated twice."""
    unknown = 1 << 40

    assert [classify_local_reply(status, unknown) for status in (500, 503)] == [Kind.CONNECTION_ERROR] * 2


def test_the_bits_are_envoys() -> None:
    """Positions of CoreResponseFlag in Envoy's `stream_info.h`, by short name."""
    assert {flag.name: flag.bit_length() - 1 for flag in Flag} == {
        "NO_HEALTHY_UPSTREAM": 1,
        "UPSTREAM_REQUEST_TIMEOUT": 2,
        "LOCAL_RESET": 3,
        "UPSTREAM_REMOTE_RESET": 4,
        "UPSTREAM_CONNECTION_FAILURE": 5,
        "UPSTREAM_CONNECTION_TERMINATION": 6,
        "UPSTREAM_OVERFLOW": 7,
        "NO_ROUTE_FOUND": 8,
        "DOWNSTREAM_CONNECTION_TERMINATION": 14,
        "STREAM_IDLE_TIMEOUT": 16,
        "DOWNSTREAM_PROTOCOL_ERROR": 18,
        "MAX_STREAM_DURATION": 19,
        "DURATION_TIMEOUT": 22,
        "UPSTREAM_PROTOCOL_ERROR": 23,
        "NO_CLUSTER_FOUND": 24,
        "DNS_RESOLUTION_FAILED": 26,
        "DOWNSTREAM_REMOTE_RESET": 28,
    }
