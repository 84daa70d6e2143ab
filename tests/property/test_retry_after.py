"""Laws of reading how long we are asked to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from hypothesis import given
from hypothesis import strategies as st
from support.policy.builders import NOW

from extproc.exchange.retry_after import read_retry_after

HEADERS = (
    "retry-after",
    "retry-after-ms",
    "date",
    "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-remaining-tokens",
    "anthropic-ratelimit-tokens-reset",
    "anthropic-ratelimit-tokens-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-remaining",
    "ratelimit-reset",
    "ratelimit-remaining",
    "ratelimit",
)

statuses = st.sampled_from([429, 503])
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds must be naive; the zone is drawn)

texts = st.one_of(
    st.just("0"),
    st.sampled_from(["1, 2", '"1"', "limit=1, remaining=0, reset=9", '"a";r=0;t=3', "1793275230000", "-1", "Thu, "]),
    st.text(max_size=40),
    st.text('0123456789.-+eEhms:,;=" TZGMTinfart', max_size=40),
    st.integers(-(10**40), 10**40).map(str),
    st.floats().map(str),
    moments.map(lambda moment: format_datetime(moment, usegmt=True)),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
)


@given(st.dictionaries(st.sampled_from(HEADERS), texts), statuses)
def test_whatever_is_sent_is_a_wait_or_nothing(headers: dict[str, str], status: int) -> None:
    """No text of a provider's is an error of ours."""
    wait = read_retry_after(headers, status=status, now=NOW)

    assert wait is None or 0 <= wait <= 2**53


@given(st.dictionaries(st.sampled_from(HEADERS), texts), statuses)
def test_the_longest_of_all_wins(headers: dict[str, str], status: int) -> None:
    """What several headers ask for together is the most that one of them asks for alone."""
    alone = [
        {name: value, **{other: amount for other, amount in headers.items() if "remaining" in other}}
        for name, value in headers.items()
        if name != "date" and "remaining" not in name
    ]
    date = {"date": headers["date"]} if "date" in headers else {}
    waits = [read_retry_after({**one, **date}, status=status, now=NOW) for one in alone]

    together = read_retry_after(headers, status=status, now=NOW)

    assert together == max((wait for wait in waits if wait is not None), default=None)


@given(st.integers(0, 2**43), st.integers(0, 999))
def test_seconds_and_milliseconds_agree(seconds: int, millis: int) -> None:
    """To the millisecond, however large."""
    wait = seconds * 1000 + millis

    assert read_retry_after({"retry-after": f"{seconds}.{millis:03}"}, status=503, now=NOW) == wait
    assert read_retry_after({"retry-after-ms": str(wait)}, status=503, now=NOW) == wait


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int, millis: int) -> None:
    headers = {
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": f"{hours}h{minutes}m{seconds}s{millis}ms",
    }
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)

    assert read_retry_after(headers, status=429, now=NOW) == length // timedelta(milliseconds=1)


@given(moments, st.integers(-100_000, 100_000))
def test_a_date_is_as_far_away_as_the_responses_own_date_says(sent: datetime, seconds: int) -> None:
    """Whatever our clock shows; what has passed is now."""
    headers = {
        "date": format_datetime(sent, usegmt=True),
        "retry-after": format_datetime(sent.replace(microsecond=0) + timedelta(seconds=seconds), usegmt=True),
    }

    assert read_retry_after(headers, status=503, now=NOW) == max(0, seconds * 1000)
