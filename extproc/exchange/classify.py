"""Classifies the response to an attempt."""

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
"""RFC 9110 sections 15.6.3 and 15.6.5: the status of a gateway, whatever Envoy's local reply has."""


_NEED_BODY = frozenset({400, 404, 429})
"""Statuses of which only the body says what they mean."""


def is_local_reply(response: ResponseHeaders) -> bool:
    """Return whether *response* is a local reply of Envoy's because the provider sent none."""
    return response.flags != 0 or response.details not in {"", names.VIA_UPSTREAM}


def needs_body(response: ResponseHeaders, policy: Policy | None) -> bool:
    """Return whether the outcome depends on the body of *response*.

    A 429 can be for good, or say how long; a 400 and a 404 can be about the operator's key or model instead of the
    client's request. Only a short body is worth waiting for, compressed or not; without a length, its end shows.
    The wait is for bytes that are in flight already, and only a policy has use for them. A response to HEAD has
    none, whatever its content-length says, and has ended with its headers (RFC 9110 section 9.3.2).
    """
    if policy is None or response.status not in _NEED_BODY or response.end_of_stream or is_local_reply(response):
        return False
    if not (is_json(media_type(response.headers)) and is_known(content_codings(response.headers))):
        return False
    length = response.headers.get("content-length")
    # Few digits first: Python refuses to read a number of thousands.
    return length is None or (
        length.isascii() and length.isdecimal() and len(length) < 10 and 0 < int(length) <= LONGEST
    )


def outcome_of(
    response: ResponseHeaders, policy: Policy | None, *, limit: Millis | None, now: Instant, body: bytes = b""
) -> Outcome:
    """Return the outcome of an attempt with that time *limit*; *body* is the response's as far as it was read."""
    if is_local_reply(response):
        kind = classify_local_reply(response.status, response.flags)
        return Outcome(kind, _STATUS_OF.get(kind, response.status), limit=limit if kind is Kind.TIMEOUT else None)
    kind = classify_response(
        response.status,
        listed=() if policy is None else policy.on_status,
        hint=_retry_hint(response.headers.get("x-should-retry")),
    )
    error = read_error(_plain(response, body))
    retry_after = None
    # A refusal of the key is final for the request, and yet may name the cooldown of the key.
    if kind is Kind.HTTP or response.status in KEY_REFUSED:
        waits = (
            read_retry_after(headers, status=response.status, now=now) for headers in _wait_headers(response, error)
        )
        retry_after = _longest(*waits, retry_delay(error))
        if policy is not None and response.status == 429 and account_is_refused(error):
            retry_after = policy.retry_after.cap
    return Outcome(kind, response.status, retry_after, refusal=_refusal(response.status, error))


def _plain(response: ResponseHeaders, body: bytes) -> bytes:
    """Return what *body* stands for, as far as it is worth reading."""
    plain = decoded(body, content_codings(response.headers), limit=LONGEST) if body else b""
    return b"" if isinstance(plain, Undecodable) else plain


def _wait_headers(response: ResponseHeaders, error: Mapping[str, object]) -> tuple[Headers, ...]:
    """Return the headers that may hold a wait: those of *response*, and those that its *error* repeats."""
    repeated = repeated_headers(error)
    return (
        (response.headers, {"date": response.headers.get("date", ""), **repeated}) if repeated else (response.headers,)
    )


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
