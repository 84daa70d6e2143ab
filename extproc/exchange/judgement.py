"""What the answer to an attempt means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.policy.outcome import Kind, Outcome, Wish, classify_answer, classify_local_reply
from extproc.policy.retry_after import read_retry_after

if TYPE_CHECKING:
    from extproc.exchange.events import ResponseHeaders
    from extproc.policy.model import Instant, Millis, Policy

_STATUS_OF = {Kind.TIMEOUT: 504, Kind.CONNECTION_ERROR: 502}
"""RFC 9110 sections 15.6.3 and 15.6.5: what a gateway says, whatever Envoy's local reply says."""


def is_local_reply(answer: ResponseHeaders) -> bool:
    """Return whether Envoy made *answer* itself because the provider gave none."""
    return answer.flags != 0 or answer.details not in {"", names.VIA_UPSTREAM}


def outcome_of(answer: ResponseHeaders, policy: Policy | None, *, limit: Millis | None, now: Instant) -> Outcome:
    """Return what an attempt with that time *limit* ended in."""
    if is_local_reply(answer):
        kind = classify_local_reply(answer.status, answer.flags)
        return Outcome(kind, _STATUS_OF.get(kind, answer.status), limit=limit if kind is Kind.TIMEOUT else None)
    kind = classify_answer(
        answer.status,
        listed=() if policy is None else policy.on_status,
        wish=_wish(answer.headers.get("x-should-retry")),
    )
    retry_after = None
    if kind is Kind.HTTP:
        retry_after = read_retry_after(answer.headers, status=answer.status, now=now)
    return Outcome(kind, answer.status, retry_after)


def _wish(text: str | None) -> Wish | None:
    match None if text is None else text.strip().lower():
        case "true":
            return Wish.RETRY
        case "false":
            return Wish.DO_NOT_RETRY
        case _:
            return None
