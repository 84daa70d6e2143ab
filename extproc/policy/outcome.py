"""The outcome of an attempt, and whether it may be retried."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TYPE_CHECKING, assert_never

from extproc.value import value

if TYPE_CHECKING:
    from collections.abc import Container

    from extproc.policy.units import Millis


class Kind(StrEnum):
    """The classes of outcomes."""

    SUCCESS = "success"  # delivered as it is
    FINAL = "final"  # the provider's response, which a retry there cannot change
    REJECTED = "rejected"  # Envoy refused the request, or the client has gone: nothing can follow
    UNFIT = "unfit"  # a FINAL of a target that the request did not name: another target may serve it
    HTTP = "http"  # the provider responded with a status that may be retried
    TIMEOUT = "timeout"  # no response within the attempt's time limit
    HIGH_LATENCY = "high_latency"  # a retriable status that came back slower than on_high_latency allows
    CONNECTION_ERROR = "connection_error"  # refused, reset, no healthy host, broken before any response


_NOT_MODIFIED = 304

_PASSING = frozenset({408, 424, 425, 429, 498})
"""Statuses under 500 about the moment rather than about the request (RFC 9110, 8470, 6585).

424 and 498 are Groq's (console.groq.com/docs/errors): something that it depends on has failed, or its flex tier has no
capacity.
"""

ACCOUNT_REFUSED = frozenset({401, 402, 403})
"""Statuses about a key, its account or its balance; the request itself may be correct."""

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

    *status* is the HTTP status of the response; for a timeout 504 and for a connection error 502, whatever Envoy's
    local reply says. *retry_after* is the wait that the provider named; None when it named none.
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
        """Whether the operator must fix it, by a key, a balance or another model: the client cannot."""
        return self.refusal is not None or self.status in ACCOUNT_REFUSED

    @property
    def redirects(self) -> bool:
        """Whether it is a redirect, which no client of a gateway may follow."""
        return 300 <= self.status < 400 and self.status != _NOT_MODIFIED

    @property
    def transient(self) -> bool:
        """Whether another round over all candidates may help: a connection error or a 5xx."""
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
    """Return the class of a provider's own response.

    *listed* are the codes that the policy's on_status_codes name: retriable unless they mean success. *hint* is the
    provider's `x-should-retry`: it overrides the default class, never an entry of the operator's.
    """
    if status < 300:
        return Kind.SUCCESS  # even if listed: a finished generation is never thrown away
    if status in listed:
        return Kind.HTTP
    if status < 400:
        # A redirect is a failure: clients of a gateway cannot follow it. 304 is a success of a conditional request.
        return Kind.SUCCESS if status == _NOT_MODIFIED else Kind.HTTP
    if hint is not None:
        return Kind.HTTP if hint is RetryHint.RETRY else Kind.FINAL
    if status in _PASSING or status >= 500:
        return Kind.HTTP
    return Kind.FINAL
