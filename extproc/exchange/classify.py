"""What the answer to an attempt means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.exchange.body.encoding import Undecodable, decoded, is_known
from extproc.exchange.body.media import content_codings, is_json, media_type
from extproc.exchange.body.provider_error import (
    LONGEST,
    account_is_refused,
    model_is_unknown,
    read_error,
    repeated_headers,
    retry_delay,
)
from extproc.exchange.envoy_flags import classify_local_reply
from extproc.exchange.retry_after import read_retry_after
from extproc.policy.feedback import KEY_REFUSED
from extproc.policy.outcome import Kind, Outcome, Refusal, RetryHint, classify_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.exchange.events import Headers, ResponseHeaders
    from extproc.policy.rules import Policy
    from extproc.policy.units import Instant, Millis

_STATUS_OF = {Kind.TIMEOUT: 504, Kind.CONNECTION_ERROR: 502}
"""RFC 9110 sections 15.6.3 and 15.6.5: what a gateway says, whatever Envoy's local reply says."""


_TELLING = frozenset({400, 404, 429})
"""Statuses of which only the body says what they mean."""


def is_local_reply(answer: ResponseHeaders) -> bool:
    """Return whether Envoy made *answer* itself because the provider gave none."""
    return answer.flags != 0 or answer.details not in {"", names.VIA_UPSTREAM}


def needs_body(answer: ResponseHeaders, policy: Policy | None) -> bool:
    """Return whether the body of *answer* may change what it means.

    A 429 can be for good, or say how long; a 400 and a 404 can be about the operator's key or model instead of the
    client's request. Only a short body is worth waiting for, compressed or not; where no length is told, its end shows.
    The wait is for bytes that are under way already, and nobody but a policy has use for them. A response to HEAD has
    none, whatever its content-length says, and has ended with its headers (RFC 9110 section 9.3.2).
    """
    if policy is None or answer.status not in _TELLING or answer.end_of_stream or is_local_reply(answer):
        return False
    if not (is_json(media_type(answer.headers)) and is_known(content_codings(answer.headers))):
        return False
    length = answer.headers.get("content-length")
    # Few digits first: Python refuses to read a number of thousands.
    return length is None or (
        length.isascii() and length.isdecimal() and len(length) < 10 and 0 < int(length) <= LONGEST
    )


def outcome_of(
    answer: ResponseHeaders, policy: Policy | None, *, limit: Millis | None, now: Instant, body: bytes = b""
) -> Outcome:
    """Return what an attempt with that time *limit* ended in; *body* is the answer's as far as it was read."""
    if is_local_reply(answer):
        kind = classify_local_reply(answer.status, answer.flags)
        return Outcome(kind, _STATUS_OF.get(kind, answer.status), limit=limit if kind is Kind.TIMEOUT else None)
    kind = classify_response(
        answer.status,
        listed=() if policy is None else policy.on_status,
        hint=_retry_hint(answer.headers.get("x-should-retry")),
    )
    error = read_error(_plain(answer, body))
    retry_after = None
    # A refusal of the key is final for the request, and yet may say for how long the key is to rest.
    if kind is Kind.HTTP or answer.status in KEY_REFUSED:
        waits = (read_retry_after(headers, status=answer.status, now=now) for headers in _telling(answer, error))
        retry_after = _longest(*waits, retry_delay(error))
        if policy is not None and answer.status == 429 and account_is_refused(error):
            retry_after = policy.retry_after.cap
    return Outcome(kind, answer.status, retry_after, refusal=_refusal(answer.status, error))


def _plain(answer: ResponseHeaders, body: bytes) -> bytes:
    """Return what *body* stands for, as far as it is worth reading."""
    plain = decoded(body, content_codings(answer.headers), limit=LONGEST) if body else b""
    return b"" if isinstance(plain, Undecodable) else plain


def _telling(answer: ResponseHeaders, error: Mapping[str, object]) -> tuple[Headers, ...]:
    """Return the headers that may hold a wait: those of *answer*, and those that its *error* repeats."""
    repeated = repeated_headers(error)
    return (answer.headers, {"date": answer.headers.get("date", ""), **repeated}) if repeated else (answer.headers,)


def _refusal(status: int, error: Mapping[str, object]) -> Refusal | None:
    """Return what the *error* of a status that mostly means the client's request is about instead."""
    match status:
        case 400 if account_is_refused(error):
            return Refusal.ACCOUNT
        case 404 if model_is_unknown(error):
            return Refusal.MODEL
        case _:
            return None


def _longest(*waits: Millis | None) -> Millis | None:
    return max((wait for wait in waits if wait is not None), default=None)


def _retry_hint(text: str | None) -> RetryHint | None:
    match None if text is None else text.strip().lower():
        case "true":
            return RetryHint.RETRY
        case "false":
            return RetryHint.DO_NOT_RETRY
        case _:
            return None
