"""What an attempt ended in, and whether that may be tried again."""

from __future__ import annotations

from enum import Enum, IntFlag, StrEnum
from typing import TYPE_CHECKING, assert_never

from extproc.value import value

if TYPE_CHECKING:
    from collections.abc import Container

    from extproc.policy.units import Millis


class Flag(IntFlag):
    """The bits of Envoy's `response.flags` that say why there is no answer from the provider.

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


class Kind(StrEnum):
    """The classes of outcomes that the rules tell apart."""

    SUCCESS = "success"  # delivered as it is
    FINAL = "final"  # the provider's answer, which trying again there cannot mend
    REJECTED = "rejected"  # Envoy did not let the request through, or the client has gone: nothing can follow
    UNFIT = "unfit"  # a FINAL of a target that the request did not name: somebody else may serve it
    HTTP = "http"  # the provider answered with a status that may be tried again
    TIMEOUT = "timeout"  # no answer within the attempt's time limit
    HIGH_LATENCY = "high_latency"  # a retriable status that came back slower than on_high_latency allows
    CONNECTION_ERROR = "connection_error"  # refused, reset, no healthy host, broken before any answer


_NOT_MODIFIED = 304

_PASSING = frozenset({408, 424, 425, 429, 498})
"""Statuses under 500 that speak of the moment rather than of the request (RFC 9110, 8470, 6585).

424 and 498 are Groq's (console.groq.com/docs/errors): something that it depends on has failed, or its flex tier has no
capacity.
"""

ACCOUNT_REFUSED = frozenset({401, 402, 403})
"""Statuses that speak of a key, its account or its balance; what the request asks for may be as it should."""

_DONE = frozenset({Kind.SUCCESS, Kind.FINAL, Kind.REJECTED})


class Refusal(StrEnum):
    """What an error is about when its status could mean the client's request as well."""

    ACCOUNT = "account"  # the key is not valid, or its account has no balance
    MODEL = "model"  # the provider has no such model, or not for this account


class RetryHint(Enum):
    """A provider's `x-should-retry`."""

    RETRY = "true"
    DO_NOT_RETRY = "false"


@value
class Outcome:
    """How one attempt ended.

    *status* is the HTTP status the answer had; for a timeout 504 and for a connection error 502, whatever Envoy's
    local reply says. *retry_after* is what the provider asked us to wait; None when it did not ask.
    *limit* is what the attempt took too long for: the time limit of a timeout, the threshold of a high latency.
    *refusal* is what the body says the error is about, if it does.
    """

    kind: Kind
    status: int
    retry_after: Millis | None = None
    limit: Millis | None = None
    refusal: Refusal | None = None

    @property
    def retriable(self) -> bool:
        """Whether the policy may make another attempt after this outcome."""
        return self.kind not in _DONE

    @property
    def operators(self) -> bool:
        """Whether the operator is to mend it, by a key, by a balance or by another model: the client cannot."""
        return self.refusal is not None or self.status in ACCOUNT_REFUSED

    @property
    def redirects(self) -> bool:
        """Whether it is an answer that leads elsewhere, which no client of a gateway is to follow."""
        return 300 <= self.status < 400 and self.status != _NOT_MODIFIED

    @property
    def transient(self) -> bool:
        """Whether going round all candidates once more may help: a connection error or a 5xx."""
        return self.kind is Kind.CONNECTION_ERROR or (
            self.kind in {Kind.HTTP, Kind.HIGH_LATENCY} and self.status >= 500
        )

    @property
    def passing(self) -> bool:
        """Whether the same request may fare better later: nothing about the request itself was refused."""
        silent = self.kind in {Kind.TIMEOUT, Kind.CONNECTION_ERROR}
        return silent or self.status in _PASSING or self.status >= 500

    @property
    def label(self) -> str:
        """Name of the outcome as clients and logs see it."""
        match self.kind:
            case Kind.SUCCESS:
                return "success"
            case Kind.TIMEOUT:
                return "timeout" if self.limit is None else f"timeout_{self.limit}ms"
            case Kind.CONNECTION_ERROR:
                return "connection_error"
            case Kind.HTTP | Kind.FINAL | Kind.REJECTED | Kind.UNFIT | Kind.HIGH_LATENCY:
                return f"http_{self.status}"
            case _:
                assert_never(self.kind)


def classify_response(status: int, *, listed: Container[int], hint: RetryHint | None = None) -> Kind:
    """Return the class of a provider's own answer.

    *listed* are the codes that the policy's on_status_codes name: retriable unless they mean success. *hint* is the
    provider's `x-should-retry`: it overrides the default class, never an entry of the operator's.
    """
    if status < 300:
        return Kind.SUCCESS  # even if listed: a finished generation is never thrown away
    if status in listed:
        return Kind.HTTP
    if status < 400:
        # A redirect is no answer, but somewhere else to ask. 304 is one, if a client has asked for it.
        return Kind.SUCCESS if status == _NOT_MODIFIED else Kind.HTTP
    if hint is not None:
        return Kind.HTTP if hint is RetryHint.RETRY else Kind.FINAL
    if status in _PASSING or status >= 500:
        return Kind.HTTP
    return Kind.FINAL


def classify_local_reply(status: int, flags: int) -> Kind:
    """Return the class of an answer that Envoy made itself because the provider gave none."""
    if flags & _CLIENT_GONE:
        return Kind.REJECTED
    if flags & _TIMEOUT:
        return Kind.TIMEOUT
    if flags & _CONNECTION_ERROR:
        return Kind.CONNECTION_ERROR
    # No flag of ours: 413 by the body limit and other refusals of the request itself end it; a 5xx
    # without a reason we know is as good as no answer.
    return Kind.CONNECTION_ERROR if status >= 500 else Kind.REJECTED
