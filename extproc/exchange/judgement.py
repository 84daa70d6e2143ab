"""What the answer to an attempt means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.exchange.error_body import LONGEST, quota_is_used_up, read_error, retry_delay
from extproc.exchange.media import content_codings, is_json, media_type
from extproc.policy.lessons import KEY_REFUSED
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


def tells_more(answer: ResponseHeaders, policy: Policy | None) -> bool:
    """Return whether the body of *answer* may change what it means: a 429 can be for good, or say how long.

    Only a short body in one piece is worth waiting for. The wait is for bytes that are under way already, and nobody
    but a policy has use for them. A response to HEAD has none, whatever its content-length says, and has ended with
    its headers (RFC 9110 section 9.3.2).
    """
    if policy is None or answer.status != 429 or answer.end_of_stream or is_local_reply(answer):
        return False
    if not is_json(media_type(answer.headers)) or content_codings(answer.headers):
        return False
    length = answer.headers.get("content-length", "")
    # Few digits first: Python refuses to read a number of thousands.
    return length.isascii() and length.isdecimal() and len(length) < 10 and 0 < int(length) <= LONGEST


def outcome_of(
    answer: ResponseHeaders, policy: Policy | None, *, limit: Millis | None, now: Instant, body: bytes = b""
) -> Outcome:
    """Return what an attempt with that time *limit* ended in; *body* is the answer's as far as it was read."""
    if is_local_reply(answer):
        kind = classify_local_reply(answer.status, answer.flags)
        return Outcome(kind, _STATUS_OF.get(kind, answer.status), limit=limit if kind is Kind.TIMEOUT else None)
    kind = classify_answer(
        answer.status,
        listed=() if policy is None else policy.on_status,
        wish=_wish(answer.headers.get("x-should-retry")),
    )
    retry_after, error = None, read_error(body)
    # A refusal of the key is final for the request, and yet may say for how long the key is to rest.
    if kind is Kind.HTTP or answer.status in KEY_REFUSED:
        retry_after = _longest(read_retry_after(answer.headers, status=answer.status, now=now), retry_delay(error))
        if policy is not None and quota_is_used_up(error):
            retry_after = policy.retry_after.cap
    return Outcome(kind, answer.status, retry_after)


def _longest(*waits: Millis | None) -> Millis | None:
    return max((wait for wait in waits if wait is not None), default=None)


def _wish(text: str | None) -> Wish | None:
    match None if text is None else text.strip().lower():
        case "true":
            return Wish.RETRY
        case "false":
            return Wish.DO_NOT_RETRY
        case _:
            return None
