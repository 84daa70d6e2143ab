"""The choice among the candidates, and the wait before the attempt."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, assert_never

from extproc.policy.backoff import Reach
from extproc.policy.decision import StopReason
from extproc.policy.rules import CandidateOrder
from extproc.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from extproc.policy.attempt_state import FailedAttempt
    from extproc.policy.availability import Availability
    from extproc.policy.backoff import Backoff
    from extproc.policy.candidates import Candidates
    from extproc.policy.target import Target
    from extproc.policy.units import Instant, Millis, Rng


@value
class Limits:
    """The limits that no wait may cross."""

    now: Instant
    max_wait: Millis
    deadline: Instant
    budget_end: Instant | None = None  # None: max_retry_duration_ms is not set, or nothing has failed yet

    def forbids(self, wait: Millis) -> StopReason | None:
        """Return why a wait of that length must not be begun; None when it may."""
        if self.budget_end is not None and self.now + wait > self.budget_end:
            return StopReason.BUDGET_SPENT
        if self.now + wait >= self.deadline:
            return StopReason.DEADLINE
        if wait > self.max_wait:
            return StopReason.WAIT_TOO_LONG
        return None


@value
class Delay:
    """The delay before an attempt, apart from Retry-After: back-off, and the delay of a new round."""

    backoff: Backoff | None = None
    failures: Sequence[FailedAttempt] = ()
    at_least: Millis = 0

    def before(self, target: Target, rng: Rng) -> Millis:
        """Return how long to wait before *target* is called after the failures so far."""
        backoff, failures = self.backoff, self.failures
        if backoff is None or not failures:
            return self.at_least
        match backoff.reach:
            case Reach.SAME_MODEL:
                reached = [failure.target == target.id for failure in failures]
            case Reach.SAME_PROVIDER:
                reached = [failure.provider == target.provider for failure in failures]
            case Reach.GLOBAL:
                reached = [True] * len(failures)
            case _:
                assert_never(backoff.reach)
        if not reached[-1]:
            return self.at_least
        return max(self.at_least, backoff.delay(sum(reached), rng, previous=failures[-1].waited))


@value
class Chosen:
    """A target to call after *wait*; *blocked* when it is deprioritized or had to be waited for."""

    target: Target
    wait: Millis
    blocked: bool = False


def in_order(pool: Candidates, order: CandidateOrder, *, position: int, rng: Rng) -> Iterator[Target]:
    """Yield the candidates in the order in which they are tried: those that the policy names first.

    *position* is, for round_robin, how many targets were chosen so before.
    """
    yield from pool.named
    others = list(pool.others)
    match order:
        case CandidateOrder.RANDOM:
            while others:
                yield others.pop(int(rng() * len(others)))
        case CandidateOrder.ROUND_ROBIN:
            start = position % len(others) if others else 0
            yield from others[start:]
            yield from others[:start]
        case CandidateOrder.PRIORITY:
            yield from others
        case _:
            assert_never(order)


def choose(
    targets: Iterable[Target], delay: Delay, *, availability: Availability, limits: Limits, rng: Rng
) -> Chosen | StopReason:
    """Return which of *targets* to call, or why none of them may be.

    The first that is not blocked; else one that is deprioritized; else one that is worth waiting for.
    """
    stop = StopReason.NO_CANDIDATE
    deprioritized: list[tuple[Instant, Target]] = []
    blocked: list[tuple[Instant, Target]] = []
    for target in targets:
        if (until := availability.blocked_until(target)) is not None:
            blocked.append((until, target))
        elif (until := availability.deprioritized_until(target)) is not None:
            deprioritized.append((until, target))
        else:
            wait = delay.before(target, rng)
            if (forbidden := limits.forbids(wait)) is None:
                return Chosen(target, wait)
            stop = forbidden
    # That a provider is slow is our own guess: it must never turn into an outage, so such a target is used last.
    for _, target in sorted(deprioritized, key=itemgetter(0)):
        wait = delay.before(target, rng)
        if (forbidden := limits.forbids(wait)) is None:
            return Chosen(target, wait, blocked=True)
        stop = forbidden
    for until, target in sorted(blocked, key=itemgetter(0)):
        wait = max(delay.before(target, rng), until - limits.now)
        if (forbidden := limits.forbids(wait)) is None:
            return Chosen(target, wait, blocked=True)
        stop = forbidden
    return stop
