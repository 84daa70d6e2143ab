"""Laws of the wait before an attempt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.policy.builders import always

from extproc.policy.backoff import Backoff, Jitter, Reach

pairs = st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)).map(lambda pair: (pair[0], pair[0] + pair[1]))
random_numbers = st.floats(0, 1, exclude_max=True)
counts = st.integers(1, 10**12)


@st.composite
def backoffs(draw: st.DrawFn, jitter: Jitter | None = None) -> Backoff:
    base, ceiling = draw(pairs)
    return Backoff(Reach.GLOBAL, base, ceiling, jitter or draw(st.sampled_from(Jitter)))


@given(backoffs(), counts, random_numbers, st.integers(0, 10**12))
def test_a_delay_is_never_negative_nor_above_the_ceiling(
    backoff: Backoff, failures: int, number: float, previous: int
) -> None:
    """Whatever n, whatever the random number, whatever was waited before."""
    assert 0 <= backoff.delay(failures, always(number), previous=previous) <= backoff.ceiling


@given(backoffs(Jitter.NONE), st.integers(1, 200))
def test_a_delay_never_shrinks(backoff: Backoff, failures: int) -> None:
    """And is base x 2^(n-1), up to the ceiling, exactly."""
    delays = [backoff.delay(n, always(0.0)) for n in (failures, failures + 1)]

    assert delays == [min(backoff.base * 2 ** (n - 1), backoff.ceiling) for n in (failures, failures + 1)]
    assert delays[0] <= delays[1]


@given(pairs, counts, random_numbers)
def test_equal_jitter_keeps_at_least_half_of_what_full_jitter_may_take(
    pair: tuple[int, int], failures: int, number: float
) -> None:
    """Full takes anything between nothing and all, equal at most half; but for the fraction of a millisecond."""
    none, equal, full = (
        Backoff(Reach.GLOBAL, *pair, jitter).delay(failures, always(number))
        for jitter in (Jitter.NONE, Jitter.EQUAL, Jitter.FULL)
    )

    assert none // 2 <= equal <= none
    assert full <= equal


@given(backoffs(Jitter.DECORRELATED), counts, random_numbers, st.integers(0, 10**12))
def test_decorrelated_jitter_stays_within_three_times_the_wait_before(
    backoff: Backoff, failures: int, number: float, previous: int
) -> None:
    """U[base, 3 x the previous wait), at most the ceiling."""
    delay = backoff.delay(failures, always(number), previous=previous)

    assert backoff.base <= delay <= min(backoff.ceiling, 3 * max(backoff.base, previous))


@given(backoffs(), counts, random_numbers, random_numbers)
def test_a_larger_random_number_is_never_a_shorter_wait(
    backoff: Backoff, failures: int, low: float, high: float
) -> None:
    """A delay grows with what the random_numbers show: they spread it, and nothing else."""
    low, high = sorted((low, high))

    assert backoff.delay(failures, always(low)) <= backoff.delay(failures, always(high))
