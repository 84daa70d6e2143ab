"""Parsing of Retry-After and rate-limit headers. Nothing is classified or stored here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.policy.units import Instant, Millis

PREFIXES = ("retry-after", "x-ratelimit-", "anthropic-ratelimit-", "ratelimit")
"""What the names of all headers begin with that are read here, but for `date`."""

_LONGEST: Millis = 2**53
"""A wait past this (285,000 years) is an overflow, not a wait."""

_NUMBER = re.compile(r"[0-9]{1,32}(?:\.[0-9]{1,32})?", re.ASCII)
_DURATION = re.compile(
    r"(?:(?P<h>[0-9.]{1,32})h)?(?:(?P<m>[0-9.]{1,32})m(?!s))?(?:(?P<s>[0-9.]{1,32})s)?(?:(?P<ms>[0-9.]{1,32})ms)?",
    re.ASCII,
)
_UNITS: Mapping[str, Millis] = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}

_FROM_EPOCH = 10**9
"""A reset that is a bare number from here on is a point in time, not a wait of 31 years ..."""

_FROM_EPOCH_MILLIS = 10**12
"""... and from here on in milliseconds, not in the year 33658."""

# A limit's reset counts when nothing remains of it; headers of the same shape say both, here by the limit's name.
# - OpenAI ("Rate limits in headers"), Groq, Azure, Together: `1s`, `6m0s`, `120ms`; of requests and tokens
# - Cerebras (inference-docs.cerebras.ai/support/rate-limits): seconds, with a fraction; requests-day, tokens-minute
# - DigitalOcean (docs.digitalocean.com, "Quota-Specific Response Headers"): epoch seconds; tokens-per-day, ...
# - OpenRouter (openrouter.ai/docs/api/reference/limits): epoch milliseconds, of no limit by name
# - Anthropic ("Response headers" of its rate limits): the RFC 3339 time; which limits depends on the contract
# - RateLimit-Reset of draft-ietf-httpapi-ratelimit-headers up to 06: seconds
_RESETS = (
    re.compile(r"(?P<before>x-ratelimit-)reset(?P<after>-.+)?"),
    re.compile(r"(?P<before>anthropic-ratelimit-.+-)reset(?P<after>)"),
    re.compile(r"(?P<before>ratelimit-)reset(?P<after>)"),
)
# `limit=100, remaining=0, reset=50` up to draft 07; since 08 a list: `"day";r=0;t=3600, "minute";r=9;t=5`.
_RATE_LIMIT = "ratelimit"
_REMAINING = re.compile(r"\b(?:remaining|r)[ \t]*=[ \t]*(-?[0-9]{1,15})\b", re.ASCII)
_RESET = re.compile(r"\b(?:reset|t)[ \t]*=[ \t]*([0-9]{1,15})\b", re.ASCII)

_MEMBER = re.compile(r'(?:"[^"]*"|[^,])+')

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def read_retry_after(headers: Mapping[str, str], *, status: int, now: Instant) -> Millis | None:
    """Return the longest wait that any of a response's headers names; None when none does.

    0 means now. What cannot be read (garbage, negative, NaN, overflow) is ignored. Reset times of rate limits
    count only on a 429 and only for a limit of which nothing remains: every response has them. Whether a
    number is in seconds, or a point in time in seconds or milliseconds, shows in its size: so the headers of a provider
    that is not known by name are read, too.

    Points in time are compared with the response's own `Date` where it has one, so that a provider's clock that is
    wrong does no harm (RFC 9110 section 10.2.3 gives the delay or the date, and 6.6.1 the clock it is meant by).
    """
    waits = [
        wait for wait in _requested_waits(headers, status=status, now=now) if wait is not None and wait <= _LONGEST
    ]
    return max(waits, default=None)


def read_duration(text: str) -> Millis | None:
    """Return the duration that *text* is (`34s`, `34.07s`, `1h2m3.5s`), rounded up; None when it cannot be read.

    A bare number is in seconds.
    """
    wait = _duration(text)
    return None if wait is None or wait > _LONGEST else wait


def _requested_waits(headers: Mapping[str, str], *, status: int, now: Instant) -> Iterator[Millis | None]:
    for wait in _members(headers.get("retry-after-ms", "")):
        yield _scaled(wait, 1)
    for wait in _members(headers.get("retry-after", "")):
        duration = _duration(wait)
        yield _until(_date(wait), headers, now) if duration is None else duration
    if status != 429:
        return
    for name, value in headers.items():
        if name == _RATE_LIMIT:
            yield from _of_policies(value)
        elif (remaining := _remaining_of(name)) is not None:
            spent = any(map(_is_spent, _members(headers.get(remaining, ""))))
            yield from (_reset(reset, headers, now) for reset in _members(value) if spent)


def _members(value: str) -> Iterator[str]:
    """Yield the members of *value*, a list: a field that came twice is one (RFC 9110 section 5.3).

    The comma behind the name of a day parts a date in two: the name is no wait, and the rest is a date without it.
    """
    for member in _MEMBER.findall(value):
        text = member.strip()
        yield text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _remaining_of(name: str) -> str | None:
    """Return the header with the remainder of the limit whose reset is the header *name*; None: that is no reset."""
    for pattern in _RESETS if "ratelimit" in name else ():
        if (reset := pattern.fullmatch(name)) is not None:
            return f"{reset['before']}remaining{reset['after'] or ''}"
    return None


def _is_spent(remaining: str) -> bool:
    return _NUMBER.fullmatch(remaining.removeprefix("-")) is not None and Fraction(remaining) <= 0


def _of_policies(value: str) -> Iterator[Millis | None]:
    """Yield the resets of those policies in a `RateLimit` field of which nothing remains."""
    members = [value] if "reset" in value else _MEMBER.findall(value)
    for member in members:
        remaining, reset = _REMAINING.search(member), _RESET.search(member)
        if remaining is not None and reset is not None and int(remaining[1]) <= 0:
            yield _scaled(reset[1], 1000)


def _reset(text: str, headers: Mapping[str, str], now: Instant) -> Millis | None:
    """Return how long it is until a limit is reset: a wait, or a point in time in any of the ways it is written."""
    if _NUMBER.fullmatch(text) is not None and (number := Fraction(text)) >= _FROM_EPOCH:
        millis = ceil(number if number >= _FROM_EPOCH_MILLIS else number * 1000)
        return max(0, millis - _reference(headers, now))
    duration = _duration(text)
    return _until(_date(text), headers, now) if duration is None else duration


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


def _date(text: str) -> datetime | None:
    """Return the instant that *text* is, as an HTTP-date or as RFC 3339 and ISO 8601 write it; they name their zone."""
    date = _http_date(text)
    return _iso_date(text) if date is None else date


def _http_date(text: str) -> datetime | None:
    """Return the instant of an HTTP-date in any of its three forms (RFC 9110 section 5.6.7), all of them in UTC."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _iso_date(text: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else None


def _until(date: datetime | None, headers: Mapping[str, str], now: Instant) -> Millis | None:
    """Return how long it is until *date*: 0 when it has passed."""
    return None if date is None else max(0, _millis(date) - _reference(headers, now))


def _reference(headers: Mapping[str, str], now: Instant) -> Millis:
    """Return when the response was sent, by its sender's clock if it has a `Date`."""
    sent = _http_date(headers.get("date", ""))
    return now if sent is None else _millis(sent)


def _millis(date: datetime) -> Millis:
    """Return the milliseconds from the epoch to *date*, rounded up."""
    return -((_EPOCH - date) // _MILLISECOND)
