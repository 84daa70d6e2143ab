"""The choice among the candidates, and the wait before the attempt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from support.policy.builders import HALF, NOW, P2, P, S, T, a_target, after, always, http

from extproc.policy.attempt_state import FailedAttempt
from extproc.policy.availability import Availability
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.candidates import Candidates
from extproc.policy.choice import Chosen, Delay, Limits, choose, in_order
from extproc.policy.decision import StopReason
from extproc.policy.rules import CandidateOrder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.policy.target import TargetId
    from extproc.policy.units import Rng

LOW = always(0.0)
NO_DELAY = Delay()
AMPLE = Limits(NOW, max_wait=60_000, deadline=after(300_000))


def a_pool(*named: str, others: tuple[str, ...] = ()) -> Candidates:
    return Candidates(tuple(map(a_target, named)), tuple(map(a_target, others)))


@dataclass(frozen=True)
class Chooser:
    """Which targets are deprioritized, which are blocked, for how long, and how to choose among the others."""

    deprioritized: Mapping[TargetId, int] = field(default_factory=dict)
    blocked: Mapping[TargetId, int] = field(default_factory=dict)
    limits: Limits = AMPLE
    order: CandidateOrder = CandidateOrder.PRIORITY
    rng: Rng = LOW
    position: int = 0

    def choose(self, pool: Candidates, delay: Delay) -> Chosen | StopReason:
        blocks = Blocks()
        for kind, ends in ((BlockKind.LATENCY, self.deprioritized), (BlockKind.RETRY_AFTER, self.blocked)):
            for subject, until in ends.items():
                blocks.merge(Block(kind, subject, after(until)), now=NOW)
        targets = in_order(pool, self.order, position=self.position, rng=self.rng)
        view = Availability(blocks, (), NOW)
        return choose(targets, delay, availability=view, limits=self.limits, rng=self.rng)


def failed(*targets: TargetId) -> tuple[FailedAttempt, ...]:
    return tuple(FailedAttempt(target, http(503), "default") for target in targets)


def a_backoff(base: int = 100) -> Backoff:
    return Backoff(Reach.SAME_MODEL, base, 5000, Jitter.NONE)


def test_no_target_to_choose_from() -> None:
    for order in CandidateOrder:
        assert Chooser(order=order).choose(a_pool(), NO_DELAY) is StopReason.NO_CANDIDATE


def test_the_first_that_is_free() -> None:
    """Named ones before others; deprioritized and blocked targets are passed over."""
    chooser = Chooser(deprioritized={P: 1000}, blocked={S: 1000})

    assert chooser.choose(a_pool(P, S, T, others=(P2,)), NO_DELAY) == Chosen(a_target(T), 0)
    assert chooser.choose(a_pool(P, S, others=(P2,)), NO_DELAY) == Chosen(a_target(P2), 0)


def test_another_ones_wait_delays_no_target() -> None:
    """Who is free is called at once, however long others are blocked."""
    chooser = Chooser(blocked={P: 50_000, P2: 50_000})

    assert chooser.choose(a_pool(P, P2, S), Delay(a_backoff(), failed(P))) == Chosen(a_target(S), 0)


def test_a_free_one_waits_for_its_own_backoff() -> None:
    assert Chooser().choose(a_pool(P), Delay(a_backoff(), failed(P, P))) == Chosen(a_target(P), 200)


def test_the_deprioritized_target_that_is_free_soonest() -> None:
    """Our own guess that providers are slow never turns into an outage."""
    chooser = Chooser(deprioritized={P: 90_000_000, S: 70_000_000, T: 80_000_000})

    assert chooser.choose(a_pool(P, S, others=(T,)), NO_DELAY) == Chosen(a_target(S), 0, blocked=True)


def test_a_deprioritized_target_still_waits_for_its_own_backoff() -> None:
    """Not for the end of its block, though."""
    chosen = Chooser(deprioritized={P: 90_000}).choose(a_pool(P), Delay(a_backoff(), failed(P)))

    assert chosen == Chosen(a_target(P), 100, blocked=True)


def test_a_deprioritized_target_before_one_to_wait_for() -> None:
    """A provider's Retry-After comes before our own guess."""
    chooser = Chooser(deprioritized={P: 90_000}, blocked={S: 1})

    assert chooser.choose(a_pool(S, P), NO_DELAY) == Chosen(a_target(P), 0, blocked=True)


def test_who_is_blocked_for_both_reasons_is_waited_for() -> None:
    chooser = Chooser(deprioritized={P: 90_000}, blocked={P: 2000})

    assert chooser.choose(a_pool(P), NO_DELAY) == Chosen(a_target(P), 2000, blocked=True)


def test_the_target_whose_block_ends_first() -> None:
    chooser = Chooser(blocked={P: 3000, S: 1000, T: 2000})

    assert chooser.choose(a_pool(P, S, others=(T,)), NO_DELAY) == Chosen(a_target(S), 1000, blocked=True)


@pytest.mark.parametrize(("blocked_for", "wait"), [(50, 100), (100, 100), (150, 150)])
def test_the_longer_of_backoff_and_retry_after(blocked_for: int, wait: int) -> None:
    """They run at the same time: they are not added up."""
    chosen = Chooser(blocked={P: blocked_for}).choose(a_pool(P), Delay(a_backoff(), failed(P)))

    assert chosen == Chosen(a_target(P), wait, blocked=True)


def test_jitter_applies_to_the_wait_for_a_blocked_target() -> None:
    """And for a deprioritized target: the back-off keeps its jitter."""
    delay = Delay(Backoff(Reach.SAME_MODEL, 100, 5000, Jitter.EQUAL), failed(P))

    for chooser in (Chooser(deprioritized={P: 10}, rng=HALF), Chooser(blocked={P: 10}, rng=HALF)):
        assert chooser.choose(a_pool(P), delay) == Chosen(a_target(P), 75, blocked=True)


def test_whose_wait_would_be_too_long_is_passed_over() -> None:
    """Another candidate is picked if there is one: free, deprioritized or blocked."""
    delay = Delay(a_backoff(base=2000), failed(P, P))
    limits = Limits(NOW, max_wait=3000, deadline=after(300_000))

    assert Chooser(limits=limits).choose(a_pool(P, S), delay) == Chosen(a_target(S), 0)
    assert Chooser(limits=limits, deprioritized={P: 1, S: 2}).choose(a_pool(P, S), delay) == Chosen(
        a_target(S), 0, blocked=True
    )
    assert Chooser(limits=limits, blocked={P: 1, S: 2}).choose(a_pool(P, S), delay) == Chosen(
        a_target(S), 2, blocked=True
    )


@pytest.mark.parametrize("state", ["deprioritized", "blocked", "free"])
def test_why_no_target_was_chosen(state: str) -> None:
    """The reason is that of the last candidate that was thought of."""
    delay = Delay(a_backoff(base=2000), failed(P))
    limits = Limits(NOW, max_wait=1000, deadline=after(300_000))
    deprioritized, blocked = ({P: 1} if state == kind else {} for kind in ("deprioritized", "blocked"))

    chosen = Chooser(limits=limits, deprioritized=deprioritized, blocked=blocked).choose(a_pool(P), delay)

    assert chosen is StopReason.WAIT_TOO_LONG


def test_priority_is_the_order_of_the_file() -> None:
    chooser = Chooser(order=CandidateOrder.PRIORITY, rng=always(0.99), position=1)

    assert chooser.choose(a_pool(others=(P, S, T)), NO_DELAY) == Chosen(a_target(P), 0)


@pytest.mark.parametrize(("position", "target"), [(0, P), (1, S), (2, T), (3, P), (4, S)])
def test_round_robin_rotates(position: int, target: TargetId) -> None:
    chooser = Chooser(order=CandidateOrder.ROUND_ROBIN, position=position)

    assert chooser.choose(a_pool(others=(P, S, T)), NO_DELAY) == Chosen(a_target(target), 0)


@pytest.mark.parametrize(("position", "target"), [(0, S), (1, S), (2, T)])
def test_round_robin_goes_on_from_who_is_blocked(position: int, target: TargetId) -> None:
    """And starts over at the end of the list."""
    chooser = Chooser(order=CandidateOrder.ROUND_ROBIN, position=position, blocked={P: 1000})

    assert chooser.choose(a_pool(others=(P, S, T)), NO_DELAY) == Chosen(a_target(target), 0)


def test_round_robin_comes_round_to_the_first() -> None:
    chooser = Chooser(order=CandidateOrder.ROUND_ROBIN, position=2, blocked={T: 1000})

    assert chooser.choose(a_pool(others=(P, S, T)), NO_DELAY) == Chosen(a_target(P), 0)


@pytest.mark.parametrize(("number", "target"), [(0.0, P), (0.33, P), (0.34, S), (0.66, S), (0.67, T), (0.99, T)])
def test_random_gives_each_the_same_share(number: float, target: TargetId) -> None:
    chooser = Chooser(order=CandidateOrder.RANDOM, rng=always(number))

    assert chooser.choose(a_pool(others=(P, S, T)), NO_DELAY) == Chosen(a_target(target), 0)


def test_random_draws_again_among_the_rest() -> None:
    """The next draw is among those that were not drawn yet."""
    chooser = Chooser(order=CandidateOrder.RANDOM, rng=always(0.5), blocked={S: 1000})

    assert chooser.choose(a_pool(others=(P, S, T)), NO_DELAY) == Chosen(a_target(T), 0)


def test_fallback_models_are_never_shuffled() -> None:
    chooser = Chooser(order=CandidateOrder.RANDOM, rng=always(0.99))

    assert chooser.choose(a_pool(P, S, others=(T,)), NO_DELAY) == Chosen(a_target(P), 0)
