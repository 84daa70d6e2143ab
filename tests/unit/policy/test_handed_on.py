"""What one decision hands on to the next: random numbers, keys, the beginning of the budget, a delay."""

from __future__ import annotations

from dataclasses import replace

from support.policy.builders import (
    NOW,
    P,
    S,
    T,
    a_catalog,
    a_high_latency,
    a_policy,
    a_rule,
    a_target,
    after,
    always,
    an_engine,
    final,
    http,
)
from support.policy.journeys import Journey, Reply
from support.policy.keyed import engine_of, keys

from extproc.policy.attempt_state import Reason
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Exhausted, StopReason
from extproc.policy.rules import CandidateOrder, Measure, Rule
from extproc.policy.target import Api

U = "xai/grok-4"
ANY_ORDER = a_policy(candidate_order=CandidateOrder.RANDOM)
LAST = always(0.999)


def blocked(*targets: str, wait: int = 60_000) -> Blocks:
    blocks = Blocks()
    for target in targets:
        blocks.add(Block(BlockKind.RETRY_AFTER, target, after(wait)), now=NOW)
    return blocks


def test_two_keys_take_turns() -> None:
    """Also where no policy says anything: they are a choice already."""
    engine = an_engine(a_target(P, keys=2))

    assert [Journey(engine).calls[0].key for _ in range(4)] == [0, 1, 0, 1]


def test_random_order_of_the_fallbacks_of_a_blocked_primary() -> None:
    first, last = (
        Journey(an_engine(P, S, T, U, policy=ANY_ORDER, blocks=blocked(P)), rng=rng) for rng in (always(0), LAST)
    )

    assert (first.path, last.path) == ([S], [U])


def test_random_order_after_an_unfit_target() -> None:
    policy = a_policy(fallback_models=(S,), candidate_order=CandidateOrder.RANDOM)
    first, last = (
        Journey(an_engine(P, S, T, U, policy=policy), rng=rng).gets(http(503), final(404)) for rng in (always(0), LAST)
    )

    assert (first.path, last.path) == ([P, S, T], [P, S, U])


def test_jitter_of_the_delay_before_another_round() -> None:
    """Full jitter: anything from nothing to the ceiling, and never less than the round's own delay."""
    backoff = Backoff(Reach.GLOBAL, base=10_000, ceiling=20_000, jitter=Jitter.FULL)
    policy = a_policy(default=Rule("default", max_attempts=9, backoff=backoff), rounds=2, round_delay=500)
    short, long = (Journey(an_engine(P, policy=policy), rng=rng).gets(http(503)) for rng in (always(0), always(0.5)))

    assert (short.reasons, short.waits) == ([Reason.PRIMARY, Reason.NEXT_ROUND], [0, 500])
    assert (long.reasons, long.waits) == ([Reason.PRIMARY, Reason.NEXT_ROUND], [0, 5000])


def test_a_round_after_an_unfit_target_pauses_as_after_the_failure_before_it() -> None:
    """The rule's back-off counts the failures of those that were fit."""
    backoff = Backoff(Reach.GLOBAL, base=1000, ceiling=9000, jitter=Jitter.NONE)
    policy = a_policy(
        default=Rule("default", max_attempts=9, backoff=backoff), fallback_models=(S,), rounds=2, round_delay=500
    )

    journey = Journey(an_engine(P, S, policy=policy)).gets(http(503), final(404))

    assert (journey.path, journey.reasons[-1]) == ([P, S, P], Reason.NEXT_ROUND)
    assert journey.waits == [0, 1000, 1000]


def test_the_budget_begins_with_the_first_failure_though_that_was_unfit() -> None:
    """The client waits since then, whichever target it was."""
    engine = an_engine(P, S, T, policy=a_policy(fallback_models=(S, T), max_duration=1000), blocks=blocked(P))

    journey = Journey(engine).gets(Reply(final(404), took=20), Reply(http(503), took=1001))

    assert journey.path == [S, T]
    assert isinstance(journey.decision, Exhausted)
    assert journey.decision.reason is StopReason.BUDGET_SPENT


def test_jitter_spreads_the_end_of_a_block_for_slowness() -> None:
    """By up to a tenth, so that not all requests come back at once; also where the total was too long."""
    slow = a_high_latency(measure=Measure.TOTAL, block=60_000)
    blocks = Blocks()

    Journey(an_engine(policy=a_policy(high_latency=slow), blocks=blocks), rng=always(0.5)).gets(Reply(rest=1001))

    assert [block.until - NOW for block in blocks.snapshot(now=NOW)] == [1001 + 63_000]


def test_no_key_is_tried_twice_at_a_target_that_asks_for_no_time() -> None:
    """Each may be used again at once; but the request has had a response with each of them."""
    journey = Journey(engine_of(keys=3, policy=a_policy(default=a_rule(max_attempts=0)))).gets(
        http(429, 0), http(429, 0), http(429, 0)
    )

    assert keys(journey) == [(P, 0), (P, 1), (P, 2)]
    assert isinstance(journey.decision, Exhausted)


def test_a_default_is_the_one_of_its_api() -> None:
    catalog = replace(a_catalog(P, S), defaults={Api.CHAT: P})

    assert catalog.default_for(Api.CHAT) == a_target(P)
    assert catalog.default_for(Api.MESSAGES) is None
