"""What callers ask beside the next attempt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    NOW,
    P2,
    P,
    S,
    T,
    a_catalog,
    a_high_latency,
    a_next_attempt,
    a_policy,
    a_rule,
    a_state,
    a_target,
    after,
    always,
    an_engine,
    http,
    on_status,
)
from support.policy.journeys import Journey, Reply

from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.catalog import Catalog
from extproc.policy.decision import Deliver
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses
from extproc.policy.rules import Lifetime, Measure, Policy, RetryAfterHandling, Strategy
from extproc.policy.target import Api, Target, TargetId

if TYPE_CHECKING:
    from extproc.policy.attempt_state import AttemptState

GONE = TargetId("gone/model")
HERE = Strategy.SAME_MODEL
LOW = always(0.0)


def may_move_on(
    policy: Policy | None = None,
    *targets: str | Target,
    state: AttemptState | None = None,
    blocks: Blocks | None = None,
) -> bool:
    """Return whether a time limit on the first attempt would be of use."""
    engine = an_engine(*targets, policy=policy, blocks=blocks)
    return engine.has_alternative(state or a_state(), Api.CHAT, now=NOW, rng=LOW)


def test_a_time_limit_is_of_use_while_another_candidate_is_left() -> None:
    assert may_move_on(a_policy())
    assert not may_move_on(a_policy(), P)


def test_without_a_policy_no_other_target_is_called() -> None:
    assert not may_move_on(None)


def test_what_follows_a_timeout_is_for_on_timeout_to_say() -> None:
    """Its strategy, not that of the defaults."""
    elsewhere = a_rule("on_timeout", Strategy.DIFFERENT_PROVIDER)
    sibling = a_rule("on_timeout", Strategy.SAME_PROVIDER)

    assert may_move_on(a_policy(default=a_rule(strategy=Strategy.SAME_PROVIDER), on_timeout=elsewhere))
    assert not may_move_on(a_policy(on_timeout=sibling))
    assert may_move_on(a_policy(on_timeout=sibling), P, P2)


def test_the_same_model_once_more_is_an_alternative() -> None:
    assert may_move_on(a_policy(on_timeout=a_rule("on_timeout", HERE)), P)


def test_a_target_that_was_tried_is_no_alternative() -> None:
    """P timed out, S failed, and now S's successor T is in flight: no target is left."""
    state = a_state().with_failure(http(500), "default", 0, now=NOW)

    assert may_move_on(a_policy(), P, S, T, state=replace(state, next=a_next_attempt(S)))
    assert not may_move_on(a_policy(), P, S, state=replace(state, next=a_next_attempt(S)))


def test_an_alternative_must_be_able_to_serve_the_request() -> None:
    assert not may_move_on(a_policy(), P, a_target(S, apis=[Api.EMBEDDINGS]))


@pytest.mark.parametrize(("kind", "alternative"), [(BlockKind.RETRY_AFTER, False), (BlockKind.LATENCY, True)])
def test_an_alternative_must_be_one_at_once(kind: BlockKind, alternative: bool) -> None:  # noqa: FBT001 (an expectation)
    """One that we only think is slow will do."""
    blocks = Blocks()
    blocks.add(Block(kind, S, after(1000)), now=NOW)

    assert may_move_on(a_policy(), P, S, blocks=blocks) is alternative


def test_a_spent_rule_leaves_no_alternative() -> None:
    """A timeout would be charged to it once more."""
    policy = a_policy(on_timeout=a_rule("on_timeout", HERE, max_attempts=2))
    once = a_state().with_failure(http(500), "on_timeout", 0, now=NOW)
    twice = once.with_failure(http(500), "on_timeout", 0, now=NOW)

    assert [may_move_on(policy, state=state) for state in (a_state(), once, twice)] == [True, True, False]


def test_what_other_rules_were_charged_does_not_count() -> None:
    policy = a_policy(on_timeout=a_rule("on_timeout", HERE, max_attempts=1))
    state = a_state().with_failure(http(500), "default", 0, now=NOW).with_failure(http(500), None, 0, now=NOW)

    assert may_move_on(policy, state=state)


def test_the_last_attempt_has_no_alternative() -> None:
    """This attempt would be the last one that max_total_attempts allows."""
    state = a_state().with_failure(http(500), None, 0, now=NOW)

    assert [may_move_on(a_policy(max_total_attempts=most), state=state) for most in (2, 3)] == [False, True]


def test_there_is_no_alternative_after_the_end() -> None:
    """Of the listener's timeout or of the budget."""
    late = a_state(timeout=0)
    spent = replace(a_state(), first_failure=after(-1001))

    assert not may_move_on(a_policy(), state=late)
    assert not may_move_on(a_policy(max_duration=1000), state=spent)
    assert may_move_on(a_policy(max_duration=1001), state=spent)


def test_what_is_not_configured_any_more_has_no_alternative() -> None:
    """The attempt state may come from before a restart."""
    assert not may_move_on(a_policy(), state=a_state(a_next_attempt(GONE)))
    assert not may_move_on(a_policy(), state=replace(a_state(), primary=GONE))


@pytest.mark.parametrize(
    "state",
    [
        a_state(a_next_attempt(GONE)),
        replace(a_state(), primary=GONE),
        replace(a_state(a_next_attempt(GONE)), primary=GONE),
    ],
)
def test_a_response_of_what_is_not_configured_any_more_is_delivered(state: AttemptState) -> None:
    """Nothing is known by which it could be classified, and nothing is recorded of it."""
    engine = an_engine(policy=a_policy())

    decision = engine.after(state, http(503), Api.CHAT, duration=0, now=NOW, rng=LOW)
    engine.record_end(state, duration=10**9, now=NOW, rng=LOW)

    assert decision == Deliver(state)
    assert not engine.knows(state)


def test_an_attempt_state_of_configured_targets_is_known() -> None:
    """A wildcard's models, too."""
    engine = an_engine(P, wildcards=[a_target("ollama/*", wildcard=True)])

    assert engine.knows(a_state(a_next_attempt(TargetId("ollama/llama3"))))


def test_the_policy_of_the_primary_governs_the_whole_request() -> None:
    """Whichever target is in flight; the policies of others have no say."""
    ours = a_policy(on_status=on_status(a_rule("on_status_codes[0]", HERE), 429), rounds=1)
    theirs = a_policy(rounds=5)
    targets = {target: a_target(target) for target in (P, S)}
    engine = Engine(Catalog(targets, {}, policies={P: ours, S: theirs}), Blocks(), SlowResponses())

    assert engine.policy_of(a_state(a_next_attempt(S))) == ours
    assert Journey(engine).gets(http(500), http(429)).path == [P, S, S]


def test_there_is_no_policy_for_what_is_not_configured() -> None:
    assert an_engine(policy=a_policy()).policy_of(replace(a_state(), primary=GONE)) is None


def test_the_same_random_numbers_and_clock_give_the_same_decisions() -> None:
    """Nothing else goes in."""
    journeys = [Journey(an_engine(policy=a_policy())).gets(Reply(http(429, 7000), 5), http(503)) for _ in range(2)]

    assert journeys[0].calls == journeys[1].calls
    assert journeys[0].decision == journeys[1].decision


def test_an_engine_decides_by_the_catalog_it_was_given() -> None:
    catalog = a_catalog(policy=a_policy())

    assert Engine(catalog, Blocks(), SlowResponses()).catalog is catalog


def test_total_is_measured_for_the_target_that_has_responded() -> None:
    """Not for the primary, if another stood in."""
    blocks = Blocks()
    policy = a_policy(high_latency=a_high_latency(measure=Measure.TOTAL, block=4000), fallback_models=(S,))

    Journey(an_engine(policy=policy, blocks=blocks)).gets(http(429), Reply(rest=1500))

    assert blocks.snapshot(now=NOW) == (Block(BlockKind.LATENCY, S, after(5500)),)


def test_a_wait_that_is_for_one_request_alone_is_not_recorded_before_its_end() -> None:
    """The attempt state carries it, and that is still to be written."""
    blocks = Blocks()
    engine = an_engine(policy=a_policy(retry_after=RetryAfterHandling(apply_to=Lifetime.REQUEST)), blocks=blocks)

    engine.record_retry_after(a_state(), http(429, 9000), Api.CHAT, now=NOW, rng=LOW)

    assert blocks.snapshot(now=NOW) == ()
