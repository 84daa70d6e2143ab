"""How long to wait before an attempt, and what no wait may cross."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import HALF, NOW, P2, P, S, a_target, after, http

from extproc.policy.attempt_state import FailedAttempt
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.choice import Delay, Limits
from extproc.policy.decision import StopReason

if TYPE_CHECKING:
    from extproc.policy.target import TargetId


def failed(*targets: TargetId, waited: int = 0) -> tuple[FailedAttempt, ...]:
    return tuple(FailedAttempt(target, http(503), "default", waited=waited) for target in targets)


def a_backoff(reach: Reach = Reach.SAME_MODEL, base: int = 100) -> Backoff:
    return Backoff(reach, base, 5000, Jitter.NONE)


@pytest.mark.parametrize(
    ("wait", "why"),
    [(0, None), (3000, None), (3001, StopReason.WAIT_TOO_LONG)],
)
def test_the_longest_wait(wait: int, why: StopReason | None) -> None:
    """A wait as long as max_wait_seconds is begun; a longer one is not."""
    assert Limits(NOW, max_wait=3000, deadline=after(300_000)).forbids(wait) is why


@pytest.mark.parametrize(("wait", "why"), [(4999, None), (5000, StopReason.DEADLINE), (9000, StopReason.DEADLINE)])
def test_the_deadline(wait: int, why: StopReason | None) -> None:
    """A wait that ends when the request does is of no use."""
    assert Limits(NOW, max_wait=6000, deadline=after(5000)).forbids(wait) is why


@pytest.mark.parametrize(
    ("wait", "why"), [(4000, None), (4001, StopReason.BUDGET_SPENT), (9000, StopReason.BUDGET_SPENT)]
)
def test_the_budget(wait: int, why: StopReason | None) -> None:
    """A wait may use up max_retry_duration_ms and not cross it; of several reasons the client reads this one."""
    assert Limits(NOW, max_wait=6000, deadline=after(5000), budget_end=after(4000)).forbids(wait) is why


def test_no_wait_fits_into_a_time_that_is_over() -> None:
    assert Limits(NOW, max_wait=0, deadline=NOW).forbids(0) is StopReason.DEADLINE
    assert Limits(NOW, max_wait=0, deadline=after(1), budget_end=after(-1)).forbids(0) is StopReason.BUDGET_SPENT
    assert Limits(NOW, max_wait=0, deadline=after(1), budget_end=NOW).forbids(0) is None


@pytest.mark.parametrize(
    ("reach", "waits"),
    [
        (Reach.SAME_MODEL, {P: 200, P2: 0, S: 0}),
        (Reach.SAME_PROVIDER, {P: 400, P2: 400, S: 0}),
        (Reach.GLOBAL, {P: 800, P2: 800, S: 800}),
    ],
)
def test_a_backoff_counts_and_delays_within_its_reach(reach: Reach, waits: dict[TargetId, int]) -> None:
    """The n-th failure of that model, of that provider, of all; before an attempt to that model, provider, any."""
    delay = Delay(a_backoff(reach), failed(S, P, P2, P))

    assert {target: delay.before(a_target(target), HALF) for target in waits} == waits


def test_a_backoff_delays_only_where_the_last_failure_was() -> None:
    """An earlier failure of the same model has been waited for while another was asked."""
    delay = Delay(a_backoff(), failed(P, S))

    assert delay.before(a_target(P), HALF) == 0


def test_a_backoff_before_anything_has_failed() -> None:
    assert Delay(a_backoff(Reach.GLOBAL)).before(a_target(P), HALF) == 0


def test_a_rule_without_a_backoff_does_not_wait() -> None:
    assert Delay(None, failed(P, P)).before(a_target(P), HALF) == 0


def test_a_wait_is_as_long_as_the_longest_reason_for_it() -> None:
    """The delay before a round and the back-off run at the same time."""
    here, elsewhere = a_target(P), a_target(S)

    assert Delay(None, failed(P), at_least=500).before(here, HALF) == 500
    assert Delay(a_backoff(base=100), failed(P), at_least=500).before(here, HALF) == 500
    assert Delay(a_backoff(base=900), failed(P), at_least=500).before(here, HALF) == 900
    assert Delay(a_backoff(base=900), failed(P), at_least=500).before(elsewhere, HALF) == 500


def test_jitter_comes_from_the_rng_and_from_the_wait_before() -> None:
    delay = Delay(Backoff(Reach.GLOBAL, 100, 5000, Jitter.DECORRELATED), failed(P, waited=1000))

    assert delay.before(a_target(P), HALF) == 1550
