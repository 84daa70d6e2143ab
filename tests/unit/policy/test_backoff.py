"""How long our own wait before an attempt is."""

from __future__ import annotations

import pytest
from support.policy.builders import always

from extproc.policy.backoff import Backoff, Jitter, Reach


def a_backoff(base: int = 100, ceiling: int = 5000, jitter: Jitter = Jitter.NONE) -> Backoff:
    return Backoff(Reach.GLOBAL, base, ceiling, jitter)


def never() -> float:
    raise AssertionError("a random number was drawn, and nothing here is random")


def test_the_delay_doubles_up_to_the_ceiling() -> None:
    """min(base x 2^(n-1), max), without randomness where there is no jitter."""
    backoff = a_backoff()

    assert [backoff.delay(n, never) for n in range(1, 9)] == [100, 200, 400, 800, 1600, 3200, 5000, 5000]


def test_defaults() -> None:
    """base_ms 100, max_ms 5000, jitter true, which is equal jitter."""
    assert Backoff(Reach.GLOBAL) == Backoff(Reach.GLOBAL, base=100, ceiling=5000, jitter=Jitter.EQUAL)


def test_any_number_of_failures_has_a_delay() -> None:
    """The power never overflows nor costs memory, whatever n."""
    assert a_backoff(1, 2**62).delay(10**18, never) == 2**62


def test_the_ceiling_is_reached_however_far_above_the_base_it_is() -> None:
    """63 doublings are as many as any ceiling of 64 bits needs."""
    backoff = a_backoff(1, 2**63 + 1)

    assert [backoff.delay(n, never) for n in (63, 64, 65)] == [2**62, 2**63, 2**63]


@pytest.mark.parametrize(("number", "delay"), [(0.0, 400), (0.5, 600), (0.75, 700), (0.9999, 799)])
def test_equal_jitter_keeps_at_least_half(number: float, delay: int) -> None:
    """Delay x U[0.5, 1)."""
    assert a_backoff(jitter=Jitter.EQUAL).delay(4, always(number)) == delay


@pytest.mark.parametrize(("number", "delay"), [(0.0, 0), (0.5, 400), (0.9999, 799)])
def test_full_jitter_may_take_it_all(number: float, delay: int) -> None:
    """Delay x U[0, 1)."""
    assert a_backoff(jitter=Jitter.FULL).delay(4, always(number)) == delay


@pytest.mark.parametrize(
    ("previous", "number", "delay"),
    [(0, 0.0, 100), (0, 0.5, 200), (0, 0.9999, 299), (1000, 0.0, 100), (1000, 0.5, 1550), (4000, 0.5, 5000)],
)
def test_decorrelated_jitter_grows_from_the_wait_before(previous: int, number: float, delay: int) -> None:
    """U[base, 3 x the previous wait), at most the ceiling; the base stands in for a wait that was shorter."""
    assert a_backoff(jitter=Jitter.DECORRELATED).delay(4, always(number), previous=previous) == delay


def test_decorrelated_jitter_does_not_count() -> None:
    """What it looks at is the wait before, not how many failures there were."""
    backoff = a_backoff(jitter=Jitter.DECORRELATED)

    assert [backoff.delay(n, always(0.5), previous=400) for n in (1, 2, 60)] == [650, 650, 650]


@pytest.mark.parametrize(("base", "ceiling"), [(0, 5000), (-1, 5000), (100, 100), (100, 99)])
def test_a_backoff_that_cannot_grow_or_begin_cannot_be_built(base: int, ceiling: int) -> None:
    with pytest.raises(ValueError, match=f"1 <= base < max, got base {base} and max {ceiling}"):
        a_backoff(base, ceiling)


def test_the_smallest_backoff_can_be_built() -> None:
    """Base ≥ 1, max > base."""
    assert a_backoff(1, 2).delay(1, never) == 1
