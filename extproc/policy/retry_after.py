"""Reading how long a provider asks us to wait. Pure parsing: nothing is classified or stored here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.policy.model import Instant, Millis

_LONGEST: Millis = 2**53
"""A wait past this (285,000 years) is an overflow, not an answer."""

_NUMBER = re.compile(r"[0-9]{1,32}(?:\.[0-9]{1,32})?", re.ASCII)
_DURATION = re.compile(
    r"(?:(?P<h>[0-9.]{1,32})h)?(?:(?P<m>[0-9.]{1,32})m(?!s))?(?:(?P<s>[0-9.]{1,32})s)?(?:(?P<ms>[0-9.]{1,32})ms)?",
    re.ASCII,
)
_UNITS: Mapping[str, Millis] = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}

# OpenAI, "Rate limits in headers": how long until the limit is back at its full value.
_OPENAI_LIMITS = ("requests", "tokens")
# Anthropic, "Response headers" of its rate limits: the RFC 3339 time at which the limit is replenished. Which limits
# there are depends on the model and on the contract.
_ANTHROPIC_RESET = re.compile(r"anthropic-ratelimit-(?P<limit>.+)-reset")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def read_retry_after(headers: Mapping[str, str], *, status: int, now: Instant) -> Millis | None:
    """Return the longest wait that an answer asks for in any of its headers; None when it asks for none.

    0 is an answer: now. What cannot be read (garbage, negative, NaN, overflow) is ignored. Reset times of rate limits
    count only on a 429 and only for a limit of which nothing remains: providers send them with every answer.

    Points in time are compared with the answer's own `Date` where it has one, so that a provider's clock that is
    wrong does no harm (RFC 9110 section 10.2.3 gives the delay or the date, and 6.6.1 the clock it is meant by).
    """
    waits = [wait for wait in _asked(headers, status=status, now=now) if wait is not None and wait <= _LONGEST]
    return max(waits, default=None)


def read_duration(text: str) -> Millis | None:
    """Return the duration that *text* is (`34s`, `34.07s`, `1h2m3.5s`), rounded up; None when it cannot be read.

    A bare number is in seconds.
    """
    wait = _duration(text)
    return None if wait is None or wait > _LONGEST else wait


def _asked(headers: Mapping[str, str], *, status: int, now: Instant) -> Iterator[Millis | None]:
    yield _scaled(headers.get("retry-after-ms", ""), 1)
    if (retry_after := headers.get("retry-after")) is not None:
        wait = _scaled(retry_after, 1000)
        yield _until(_http_date(retry_after), headers, now) if wait is None else wait
    if status != 429:
        return
    for limit in _OPENAI_LIMITS:
        if headers.get(f"x-ratelimit-remaining-{limit}", "").strip() == "0":
            yield _duration(headers.get(f"x-ratelimit-reset-{limit}", ""))
    for name, value in headers.items():
        reset = _ANTHROPIC_RESET.fullmatch(name)
        if reset is not None and headers.get(f"anthropic-ratelimit-{reset['limit']}-remaining", "").strip() == "0":
            yield _until(_rfc3339(value), headers, now)


def _scaled(text: str, unit: Millis) -> Millis | None:
    """Return a plain number of *unit* milliseconds, rounded up: a wait must never be too short."""
    text = text.strip()
    return ceil(Fraction(text) * unit) if _NUMBER.fullmatch(text) else None


def _duration(text: str) -> Millis | None:
    """Return a duration such as `1s`, `6m0s`, `120ms` or `1h2m3.5s`; a bare number is in seconds."""
    text = text.strip()
    if (seconds := _scaled(text, 1000)) is not None:
        return seconds
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        return None
    parts = [_scaled(amount, _UNITS[unit]) for unit, amount in found.groupdict().items() if amount is not None]
    waits = [part for part in parts if part is not None]
    return sum(waits) if len(waits) == len(parts) else None


def _http_date(text: str) -> datetime | None:
    """Return the instant of an HTTP-date in any of its three forms (RFC 9110 section 5.6.7), all of them in UTC."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _rfc3339(text: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return date if date.tzinfo is not None else None


def _until(date: datetime | None, headers: Mapping[str, str], now: Instant) -> Millis | None:
    """Return how long it is until *date*: 0 when it has passed."""
    if date is None:
        return None
    sent = _http_date(headers.get("date", ""))
    reference = now if sent is None else _millis(sent)
    return max(0, _millis(date) - reference)


def _millis(date: datetime) -> Millis:
    """Return the milliseconds from the epoch to *date*, rounded up."""
    return -((_EPOCH - date) // _MILLISECOND)
