"""The wait that a response asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import after

from extproc.exchange.retry_after import read_duration, read_retry_after
from extproc.policy.units import Instant

if TYPE_CHECKING:
    from collections.abc import Mapping

NOON = Instant(1_793_275_200_000)
"""Thu, 29 Oct 2026 12:00:00 GMT."""


def asked(headers: Mapping[str, str], status: int = 429, now: Instant = NOON) -> int | None:
    return read_retry_after(headers, status=status, now=now)


def test_nothing_asked() -> None:
    assert asked({"content-type": "application/json", "date": "Thu, 29 Oct 2026 11:00:00 GMT"}) is None


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("2", 2000),
        (" 2 ", 2000),
        ("0", 0),
        ("0.0", 0),
        ("007", 7000),
        ("1.5", 1500),
        ("0.0001", 1),
        ("2.0001", 2001),
        ("9007199254740.992", 2**53),
    ],
)
def test_seconds(text: str, wait: int) -> None:
    """Integer or decimal, to the millisecond, never too short; zero means now."""
    assert asked({"retry-after": text}) == wait


@pytest.mark.parametrize(("text", "wait"), [("1500", 1500), ("0", 0), ("0.2", 1), (" 20 ", 20), (f"{2**53}", 2**53)])
def test_milliseconds(text: str, wait: int) -> None:
    """`retry-after-ms`."""
    assert asked({"retry-after-ms": text}) == wait


@pytest.mark.parametrize(
    "text",
    [
        "Thu, 29 Oct 2026 12:00:30 GMT",  # IMF-fixdate
        "Thursday, 29-Oct-26 12:00:30 GMT",  # RFC 850
        "Thu Oct 29 12:00:30 2026",  # asctime, always in UTC
        "Thu, 29 Oct 2026 12:00:30 -0000",
        "Thu, 29 Oct 2026 13:00:30 +0100",
    ],
)
def test_a_date(text: str) -> None:
    """An HTTP-date in any of its forms is compared with our clock where the response bears no date."""
    assert asked({"retry-after": text}, now=after(250, now=NOON)) == 29_750


def test_a_date_that_has_passed_means_now() -> None:
    assert asked({"retry-after": "Thu, 29 Oct 2026 11:00:00 GMT"}) == 0


def test_a_date_is_meant_by_the_clock_of_who_sent_it() -> None:
    """An hour of difference between the provider's clock and ours does no harm."""
    assert asked({"retry-after": "Thu, 29 Oct 2026 13:00:30 GMT", "date": "Thu, 29 Oct 2026 13:00:00 GMT"}) == 30_000


def test_a_date_of_the_response_that_cannot_be_read_does_not_count() -> None:
    assert asked({"retry-after": "Thu, 29 Oct 2026 12:00:30 GMT", "date": "yesterday"}) == 30_000


def test_a_number_has_nothing_to_do_with_the_date_of_the_response() -> None:
    assert asked({"retry-after": "30", "date": "Thu, 29 Oct 2026 13:00:00 GMT"}) == 30_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "-1",
        "-0",
        "+1",
        "nan",
        "inf",
        "1e3",
        "0x10",
        "1;5",
        ",",
        '"',
        '"2',
        "Thu",
        "Thu, ",
        "2026-10-29T12:00:30",  # of which time zone?
        "5.",
        ".5",
        "1.2.3",
        "1 s",
        "1 minute",
        "\N{ARABIC-INDIC DIGIT THREE}",
        "9" * 33,
        "9" * 5000,
        "1." + "0" * 33,
        "Thu, 99 Oct 2026 12:00:30 GMT",
        "Thu, 29 Oct 2026 12:00:30 +9999",
        "Thu, 29 Oct 99999999999 12:00:30 GMT",
    ],
)
def test_what_cannot_be_read_is_ignored(text: str) -> None:
    """Garbage, negative, NaN, overflow."""
    assert asked({"retry-after": text, "retry-after-ms": text}) is None


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("30, 31", 31_000),
        ("31,30", 31_000),
        ("30, soon, -1", 30_000),
        ("soon, 30", 30_000),
        ("1,5", 5000),
        ("5, Thu, 29 Oct 2026 12:00:30 GMT", 30_000),
        ("Thu, 29 Oct 2026 12:00:30 GMT, 31", 31_000),
        ("Thursday, 29-Oct-26 12:00:30 GMT, Thu, 29 Oct 2026 12:00:20 GMT", 30_000),
        ("0, 0", 0),
    ],
)
def test_of_several_values_the_longest_wins(text: str, wait: int) -> None:
    """Two fields of one name come joined by a comma, and a date has one of its own."""
    assert asked({"retry-after": text}) == wait


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("30s", 30_000),
        ("1m30s", 90_000),
        ("500ms", 500),
        ('"30"', 30_000),
        ('"30", "31"', 31_000),
        ('"Thu, 29 Oct 2026 12:00:30 GMT"', 30_000),
        ("2026-10-29T12:00:30Z", 30_000),
        ("2026-10-29T13:00:30.5+01:00", 30_500),
    ],
)
def test_what_some_write_instead_is_understood(text: str, wait: int) -> None:
    """RFC 9110 knows seconds and HTTP-dates only; a unit, quotes or an ISO time leave no doubt."""
    assert asked({"retry-after": text}) == wait


def test_milliseconds_are_a_plain_number() -> None:
    """Also in a list."""
    assert asked({"retry-after-ms": '1500, "1600", 2s, 2026-10-29T12:00:30Z'}) == 1600


def test_more_than_any_clock_can_show_is_an_overflow() -> None:
    assert asked({"retry-after": "9007199254740.993"}) is None
    assert asked({"retry-after-ms": f"{2**53 + 1}"}) is None


def test_garbage_does_not_hide_a_wait() -> None:
    assert asked({"retry-after": "soon", "retry-after-ms": "1500"}) == 1500


def test_the_longest_wait_wins() -> None:
    """Whichever header it is in."""
    assert asked({"retry-after": "2", "retry-after-ms": "2001"}) == 2001
    assert asked({"retry-after": "2", "retry-after-ms": "1999"}) == 2000


def test_what_a_clock_can_just_show_is_a_wait() -> None:
    assert read_duration("9007199254740.992s") == 2**53
    assert read_duration("9007199254740.993s") is None


@pytest.mark.parametrize(
    ("reset", "wait"),
    [
        ("999999999", 999_999_999_000),  # 31 years, less a few months
        ("1000000000", 0),  # September 2001
        ("999999999999", 998_206_724_799_000),  # the year 33658 is as far away as it looks
        ("1000000000000", 0),  # the same September, in milliseconds
    ],
)
def test_a_resets_size_says_what_it_is(reset: str, wait: int) -> None:
    """A wait in seconds, or a point in time in seconds or in milliseconds: to the number where that changes."""
    assert asked({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset}) == wait
