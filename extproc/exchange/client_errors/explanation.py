"""Why a request has failed, in one line: SDKs show people an error's message, and nothing else of it."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from extproc.policy.decision import Exhausted, StopReason
from extproc.policy.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.policy.attempt_state import FailedAttempt
    from extproc.policy.units import Millis

_MOST_SHOWN: Final = 5
_LONGEST_NAME: Final = 80  # characters: the names of a wildcard's models come from clients

_PHRASES: Final[Mapping[int, str]] = MappingProxyType(
    {status.value: status.phrase.lower() for status in HTTPStatus}
    | {
        401: "key not accepted",
        402: "payment required",
        403: "not allowed",
        429: "rate limited",
        500: "server error",
        503: "unavailable",
        529: "overloaded",  # Anthropic, "Errors"
    }
)
"""What a status means between a gateway and its providers, where RFC 9110's own phrase is for other readers."""


def explained(exhausted: Exhausted) -> str:
    """Return which models were called, what each returned, and when to retry; bounded, whatever the number of attempts.

    It names models, as the client may, and never an address, a key, or anything that a provider has written.
    """
    reason, wait = _reason(exhausted), exhausted.retry_after
    message = f"All retry attempts exhausted{reason + '. ' if reason else ': '}{_returned(exhausted)}."
    if wait is None:
        return message
    return f"{message} Try again {f'in {whole_seconds(wait)} s' if wait else 'now'}."


def whole_seconds(wait: Millis) -> int:
    """Return whole seconds, rounded up: a client that obeys must not come too early."""
    return -(-wait // 1000)


def _reason(exhausted: Exhausted) -> str:
    """Return the specification's words for some ends; programs may look for them."""
    if exhausted.reason is StopReason.BUDGET_SPENT:
        return ": retry budget exceeded"
    if exhausted.reason is StopReason.REPEATED:
        return ": the same request has just failed, so no model was called again"
    match None if exhausted.decisive is None else exhausted.decisive.outcome.kind:
        case Kind.TIMEOUT:
            return ": upstream request timed out"
        case Kind.HIGH_LATENCY:
            return ": upstream high latency detected"
        case _:
            return ""


def _returned(exhausted: Exhausted) -> str:
    """Return what each of the models returned, the same outcome of one model only once."""
    if not exhausted.failures:
        return "no model was called, because every model that could serve the request is blocked for now"
    outcomes = Counter(f"{_short(failure.target)} {_outcome_of(failure)}" for failure in exhausted.failures)
    shown = [words if times == 1 else f"{words} {times} times" for words, times in outcomes.items()]
    more = len(shown) - _MOST_SHOWN
    return ", ".join(shown[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _outcome_of(failure: FailedAttempt) -> str:
    outcome = failure.outcome
    match outcome.kind:
        case Kind.TIMEOUT:
            return "timed out" if outcome.limit is None else f"timed out after {_seconds(outcome.limit)}"
        case Kind.CONNECTION_ERROR:
            return "could not be reached"
        case Kind.HIGH_LATENCY:
            return f"returned {_status(outcome.status)} after {_seconds(failure.duration)}"
        case _:
            return f"returned {_status(outcome.status)}"


def _status(status: int) -> str:
    return f"HTTP {status} ({_PHRASES[status]})" if status in _PHRASES else f"HTTP {status}"


def _seconds(duration: Millis) -> str:
    return f"{duration / 1000:g} s"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
