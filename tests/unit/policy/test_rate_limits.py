"""What the reset headers of rate limits ask us to wait."""

from __future__ import annotations

import pytest

from extproc.exchange.retry_after import read_retry_after
from extproc.policy.units import Instant

NOON = Instant(1_793_275_200_000)
"""Thu, 29 Oct 2026 12:00:00 GMT."""

LIMITS = ("requests", "tokens")

ALL_RESETS = {
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-reset-tokens": "1s",
    "anthropic-ratelimit-requests-reset": "2026-10-29T12:00:30Z",
    "anthropic-ratelimit-tokens-reset": "2026-10-29T12:00:30Z",
}


def openai(limit: str, reset: str) -> dict[str, str]:
    return {f"x-ratelimit-remaining-{limit}": "0", f"x-ratelimit-reset-{limit}": reset}


def anthropic(limit: str, reset: str) -> dict[str, str]:
    return {f"anthropic-ratelimit-{limit}-remaining": "0", f"anthropic-ratelimit-{limit}-reset": reset}


def remaining(amount: str) -> dict[str, str]:
    names = [f"x-ratelimit-remaining-{limit}" for limit in LIMITS]
    return dict.fromkeys((*names, *(f"anthropic-ratelimit-{limit}-remaining" for limit in LIMITS)), amount)


def asked(*parts: dict[str, str], status: int = 429) -> int | None:
    headers = {name: value for part in parts for name, value in part.items()}
    return read_retry_after(headers, status=status, now=NOON)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("1s", 1000),
        ("6m0s", 360_000),
        ("120ms", 120),
        ("7.66s", 7660),
        ("1h2m3.5s", 3_723_500),
        ("1m30s500ms", 90_500),
        ("2h", 7_200_000),
        ("3m", 180_000),
        ("5", 5000),
        (" 5s ", 5000),
        ("0s", 0),
        ("0.5ms", 1),
    ],
)
def test_the_reset_of_a_spent_limit(limit: str, text: str, wait: int) -> None:
    """`x-ratelimit-reset-requests` and `-tokens`: a duration, or plain seconds."""
    assert asked(openai(limit, text)) == wait


@pytest.mark.parametrize("text", ["", " ", "soon", "s", "-1s", "1.2.3s", "1.2.3s5ms", "1s2m", "5 s", "1d", ".s"])
def test_a_reset_that_cannot_be_read_is_ignored(text: str) -> None:
    """All of it: the half that could be read might be the shorter one."""
    assert asked(openai("tokens", text)) is None


@pytest.mark.parametrize("text", ["9" * 32 + unit for unit in ("h", "m", "s", "ms")] + ["1" * 33 + "s"])
def test_a_reset_that_no_clock_can_show_is_an_overflow(text: str) -> None:
    assert asked(openai("tokens", text)) is None


@pytest.mark.parametrize("limit", ["requests", "tokens", "input-tokens", "output-tokens", "new-ones"])
@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("2026-10-29T12:00:30Z", 30_000),
        (" 2026-10-29T12:00:30Z ", 30_000),
        ("2026-10-29T14:00:30+02:00", 30_000),
        ("2026-10-29T12:00:30.0005Z", 30_001),
        ("2026-10-29T12:00:30.123Z", 30_123),
        ("2026-10-29T11:00:00Z", 0),
        ("2026-10-29T12:00:30", None),  # of which time zone?
        ("30s", 30_000),
        ("", None),
    ],
)
def test_the_reset_time_of_a_spent_limit(limit: str, text: str, wait: int | None) -> None:
    """`anthropic-ratelimit-*-reset`: RFC 3339."""
    assert asked(anthropic(limit, text)) == wait


def test_a_limit_must_have_a_name() -> None:
    assert asked({"anthropic-ratelimit-reset": "2026-10-29T12:00:30Z", "anthropic-ratelimit-remaining": "0"}) is None


def test_a_reset_time_is_meant_by_the_clock_of_who_sent_it() -> None:
    """It is compared with the `Date` of the response, where there is one."""
    date = {"date": "Thu, 29 Oct 2026 13:00:00 GMT"}

    assert asked(anthropic("tokens", "2026-10-29T13:00:30Z"), date) == 30_000


@pytest.mark.parametrize("amount", ["1", "10", "0.5", "1, 2", "", "none", "--0", "-"])
def test_the_reset_of_a_limit_that_is_not_spent_means_nothing(amount: str) -> None:
    """Providers send it with every response."""
    assert asked(ALL_RESETS, remaining(amount)) is None


@pytest.mark.parametrize("amount", [" 0 ", "00", "-0", "-5", "0.0", "3, 0", '"0"'])
def test_a_limit_that_is_overdrawn_is_spent(amount: str) -> None:
    assert asked(ALL_RESETS, remaining(amount)) == 30_000


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        # Cerebras: seconds, with a fraction
        ({"x-ratelimit-remaining-tokens-minute": "0", "x-ratelimit-reset-tokens-minute": "11.382"}, 11_382),
        ({"x-ratelimit-remaining-requests-day": "0", "x-ratelimit-reset-requests-day": "33011.4"}, 33_011_400),
        # DigitalOcean: epoch seconds
        ({"x-ratelimit-remaining-tokens-per-day": "0", "x-ratelimit-reset-tokens-per-day": "1793275230"}, 30_000),
        # OpenRouter: epoch milliseconds
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1793275230001"}, 30_001),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1793275100000"}, 0),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "1793275230000"}, None),
        # some gateway's
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}, 30_000),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "Thu, 29 Oct 2026 12:00:30 GMT"}, 30_000),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30, 31"}, 31_000),
        # draft-ietf-httpapi-ratelimit-headers-06
        ({"ratelimit-limit": "100", "ratelimit-remaining": "0", "ratelimit-reset": "30"}, 30_000),
        ({"ratelimit-limit": "100", "ratelimit-remaining": "1", "ratelimit-reset": "30"}, None),
        # draft-ietf-httpapi-ratelimit-headers-07
        ({"ratelimit": "limit=100, remaining=0, reset=30"}, 30_000),
        ({"ratelimit": "limit=100, remaining=1, reset=30"}, None),
        ({"ratelimit": "reset=30,remaining=0"}, 30_000),
        # draft-ietf-httpapi-ratelimit-headers-08 and later
        ({"ratelimit": '"default";r=0;t=30'}, 30_000),
        ({"ratelimit": '"day, all";r=1;t=3600, "minute";t=30;r=0;pk=:cHNl:'}, 30_000),
        ({"ratelimit": '"default";r=0'}, None),
        ({"ratelimit": "default; r = 0; t = 30"}, 30_000),
        # others of that name
        ({"ratelimit-policy": '"default";q=100;w=30'}, None),
        ({"ratelimit-remaining": "0", "my-ratelimit-reset": "30"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-resets-requests": "30"}, None),
    ],
)
def test_each_providers_own_way(headers: dict[str, str], wait: int | None) -> None:
    """A wait of 31 years is a point in time."""
    assert asked(headers) == wait
    assert asked(headers, status=503) is None


def test_a_point_in_time_is_meant_by_the_clock_of_who_sent_it() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1793278830"}

    assert asked(headers, {"date": "Thu, 29 Oct 2026 13:00:00 GMT"}) == 30_000


def test_a_limit_that_does_not_say_what_remains_means_nothing() -> None:
    assert asked(ALL_RESETS) is None


def test_one_spent_limit_says_nothing_of_another() -> None:
    assert asked(ALL_RESETS, {"x-ratelimit-remaining-requests": " 0 "}) == 1000
    assert asked(ALL_RESETS, {"anthropic-ratelimit-tokens-remaining": " 0 "}) == 30_000


def test_the_longest_wait_wins() -> None:
    """Whichever limit it belongs to."""
    waits = (openai("requests", "3s"), openai("tokens", "4s"), anthropic("tokens", "2026-10-29T12:00:05Z"))

    assert asked(*waits) == 5000
    assert asked(*waits, {"retry-after": "6"}) == 6000
    assert asked(*waits, openai("requests", "6s")) == 6000
    assert asked(*waits, openai("tokens", "6s")) == 6000


@pytest.mark.parametrize("status", [200, 408, 428, 430, 500, 503, 529])
def test_resets_count_only_on_429(status: int) -> None:
    """Other failures have nothing to do with the limits; Retry-After counts with every status."""
    assert asked(ALL_RESETS, remaining("0"), status=status) is None
    assert asked(ALL_RESETS, remaining("0"), {"retry-after": "2"}, status=status) == 2000
