"""What follows when a provider refuses an access key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    NOW,
    SUCCESS,
    TIMEOUT,
    P,
    S,
    a_high_latency,
    a_policy,
    a_rule,
    a_target,
    after,
    an_engine,
    final,
    http,
    on_status,
)
from support.policy.journeys import Journey, Reply
from support.policy.keyed import KEYED, engine_of, keys, on_cooldown

from extproc.policy.attempt_state import FailedAttempt, Reason
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Deliver, Exhausted, StopReason

if TYPE_CHECKING:
    from extproc.policy.outcome import Outcome


@pytest.mark.parametrize("outcome", [final(401), final(402), final(403), http(429)])
def test_a_refused_key_is_followed_by_the_next(outcome: Outcome) -> None:
    """The same target at once; the refusal counts as an attempt and is charged to no rule."""
    journey = Journey(engine_of()).gets(Reply(outcome, took=30), SUCCESS)

    assert isinstance(journey.decision, Deliver)
    assert (keys(journey), journey.waits) == ([(P, 0), (P, 1)], [0, 0])
    assert journey.reasons == [Reason.PRIMARY, Reason.NEXT_KEY]
    assert journey.state.failures == (FailedAttempt(P, outcome, None, key=0, duration=30),)
    assert journey.state.first_failure == after(30)


@pytest.mark.parametrize("outcome", [final(404), http(503), http(500), TIMEOUT])
def test_other_failures_do_not_speak_of_the_key(outcome: Outcome) -> None:
    blocks = Blocks()

    journey = Journey(engine_of(blocks=blocks)).gets(outcome)

    assert Reason.NEXT_KEY not in journey.reasons
    assert [block for block in blocks.snapshot(now=NOW) if block.kind is BlockKind.KEY] == []


def test_two_keys_are_a_choice_already() -> None:
    assert keys(Journey(engine_of(keys=2)).gets(http(429), http(429))) == [(P, 0), (P, 1), (S, 0)]


def test_every_key_is_tried_once() -> None:
    """Beginning with the one after that whose turn it was."""
    engine = engine_of()
    Journey(engine)

    journey = Journey(engine).gets(*[http(429)] * 3)

    assert keys(journey) == [(P, 1), (P, 2), (P, 0), (S, 0)]


def test_keys_on_cooldown_are_not_tried() -> None:
    blocks = Blocks()
    blocks.add(on_cooldown(5000, 1), now=NOW)

    assert keys(Journey(engine_of(blocks=blocks)).gets(final(401))) == [(P, 0), (P, 2)]


def test_when_no_key_is_left_the_last_refusal_is_a_failure_like_any_other() -> None:
    """Charged to its rule; the free ones before it were charged to none."""
    journey = Journey(engine_of()).gets(http(429), http(429), http(429), SUCCESS)

    assert journey.path == [P, P, P, S]
    assert [failure.rule for failure in journey.state.failures] == [None, None, "default"]


def test_when_no_key_is_left_another_target_is_called() -> None:
    """Whether the policy lists the refusal or not; with no other target, it is delivered."""
    refusals = [final(401)] * 3
    listed = a_policy(on_status=on_status(a_rule("on_status_codes[0]"), 401), fallback_models=(S,))

    assert Journey(engine_of()).gets(*refusals).path == [P, P, P, S]
    assert Journey(engine_of(listed)).gets(*[http(401)] * 3).path == [P, P, P, S]
    assert isinstance(Journey(an_engine(a_target(P, keys=3), policy=a_policy())).gets(*refusals).decision, Deliver)


def test_the_next_key_counts_as_an_attempt() -> None:
    """max_total_attempts limits keys, too; the refusal is then a failure like any other."""
    policy = a_policy(max_total_attempts=2, fallback_models=(S,))

    journey = Journey(engine_of(policy)).gets(http(429), http(429))

    assert isinstance(journey.decision, Exhausted)
    assert (keys(journey), journey.decision.reason) == ([(P, 0), (P, 1)], StopReason.TOTAL_SPENT)
    assert [failure.rule for failure in journey.decision.failures] == [None, "default"]


def test_a_single_attempt_has_no_next_key() -> None:
    journey = Journey(engine_of(a_policy(max_total_attempts=1))).gets(http(429))

    assert isinstance(journey.decision, Deliver)
    assert keys(journey) == [(P, 0)]


@pytest.mark.parametrize(("took", "path"), [(4999, [P, P]), (5000, [P])])
def test_the_next_key_respects_the_deadline(took: int, path: list[str]) -> None:
    assert Journey(engine_of(), timeout=5000).gets(Reply(http(429), took=took)).path == path


@pytest.mark.parametrize(("took", "path"), [(1000, [P, P, P]), (1001, [P, P])])
def test_the_next_key_respects_the_budget(took: int, path: list[str]) -> None:
    journey = Journey(engine_of(a_policy(max_duration=1000))).gets(http(429), Reply(http(429), took=took))

    assert journey.path == path


def test_without_a_policy_a_refused_key_is_not_followed_by_another() -> None:
    """One attempt, and its response passes through."""
    assert isinstance(Journey(an_engine(KEYED)).gets(final(401)).decision, Deliver)


def test_the_next_key_costs_no_retry() -> None:
    """With one retry allowed, all keys of the primary and one of the secondary are tried."""
    policy = a_policy(default=a_rule(max_attempts=1), fallback_models=(S,))

    journey = Journey(engine_of(policy)).gets(*[http(429)] * 4)

    assert isinstance(journey.decision, Exhausted)
    assert (journey.path, journey.decision.reason) == ([P, P, P, S], StopReason.RULE_SPENT)


def test_a_policy_without_retries_still_tries_the_next_key() -> None:
    """It is no step of a strategy; what comes of the last key is then reported with all attempts."""
    journey = Journey(engine_of(a_policy(default=a_rule(max_attempts=0)))).gets(http(429), http(503))

    assert isinstance(journey.decision, Exhausted)
    assert (journey.path, journey.decision.reason) == ([P, P], StopReason.RULE_SPENT)


def test_the_next_key_is_no_way_round_a_block() -> None:
    """Another request has learnt in the meantime that the target itself wants to be left alone."""
    blocks = Blocks()
    journey = Journey(engine_of(blocks=blocks))

    blocks.add(Block(BlockKind.RETRY_AFTER, P, after(5000)), now=NOW)

    assert journey.gets(http(429)).path == [P, S]


def test_a_slow_refusal_is_followed_by_the_next_key_all_the_same() -> None:
    """That the target is slow is our own guess."""
    policy = a_policy(high_latency=a_high_latency(), fallback_models=(S,))

    assert keys(Journey(engine_of(policy)).gets(Reply(final(401), took=1500))) == [(P, 0), (P, 1)]
