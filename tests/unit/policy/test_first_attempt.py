"""Who gets the first attempt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    HALF,
    NOW,
    P2,
    P,
    S,
    T,
    a_high_latency,
    a_policy,
    a_rule,
    a_state,
    a_target,
    after,
    an_engine,
    blocked,
    http,
)
from support.policy.journeys import Call, Journey

from extproc.policy.attempt_state import NextAttempt, Reason
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Deliver, Exhausted, StopReason, Try
from extproc.policy.rules import CandidateOrder, Strategy
from extproc.policy.target import Api

if TYPE_CHECKING:
    from extproc.policy.rules import Policy
    from extproc.policy.target import Target


def begun(policy: Policy, blocks: Blocks, *targets: str | Target) -> Journey:
    return Journey(an_engine(*targets, policy=policy, blocks=blocks))


def in_file_order(strategy: Strategy = Strategy.DIFFERENT_PROVIDER) -> Policy:
    return a_policy(default=a_rule(strategy=strategy), candidate_order=CandidateOrder.PRIORITY)


def first(policy: Policy, blocks: Blocks, *targets: str | Target) -> list[Call]:
    return begun(policy, blocks, *targets).calls


def a_call(target: str, reason: Reason, wait: int = 0) -> list[Call]:
    return [Call(a_target(target).id, reason, wait, 0, after(wait))]


@pytest.mark.parametrize("policy", [None, a_policy()])
def test_the_primary_gets_the_first_attempt(policy: Policy | None) -> None:
    """At once, with or without a policy; the attempt state ends with the listener's timeout."""
    journey = Journey(an_engine(policy=policy), timeout=4000)

    assert journey.decision == Try(a_state(NextAttempt(P, NOW, Reason.PRIMARY, key=0, waited=0), timeout=4000))


@pytest.mark.parametrize("policy", [None, a_policy()])
def test_the_attempt_state_carries_the_digest_of_the_body(policy: Policy | None) -> None:
    """Each attempt is checked against it."""
    engine = an_engine(policy=policy)

    decision = engine.first(a_target(), Api.CHAT, now=NOW, deadline=after(9), rng=HALF, body_sha256=b"digest")

    assert decision == Try(replace(a_state(timeout=9), body_sha256=b"digest"))


@pytest.mark.parametrize("status", [200, 404, 429, 503])
def test_without_a_policy_any_response_passes_through(status: int) -> None:
    """One attempt, whatever it comes to."""
    journey = Journey(an_engine()).gets(http(status, retry_after=60_000))

    assert journey.decision == Deliver(a_state())


def test_without_a_policy_nothing_is_learnt() -> None:
    """The response of one request does not concern the next."""
    engine = an_engine()
    Journey(engine).gets(http(429, retry_after=60_000))

    assert Journey(engine).path == [P]


def test_without_a_policy_blocks_do_not_count() -> None:
    """They come from requests for other primaries, which have one."""
    assert Journey(an_engine(blocks=blocked(P))).path == [P]


@pytest.mark.parametrize("subject", [P, "openai", "https://openai.test:443"])
@pytest.mark.parametrize("kind", [BlockKind.RETRY_AFTER, BlockKind.LATENCY])
def test_a_blocked_primary_is_not_called(subject: str, kind: BlockKind) -> None:
    """Whichever kind and scope the block has: the first attempt goes where a retry would."""
    assert first(in_file_order(), blocked(subject, kind=kind)) == a_call(S, Reason.PRIMARY_BLOCKED)


def test_who_stands_in_is_chosen_as_for_a_retry() -> None:
    """Fallback models first."""
    policy = a_policy(fallback_models=(T,))

    assert first(policy, blocked(P)) == a_call(T, Reason.PRIMARY_BLOCKED)


@pytest.mark.parametrize(("strategy", "target"), [(Strategy.DIFFERENT_PROVIDER, S), (Strategy.SAME_PROVIDER, P2)])
def test_who_stands_in_is_chosen_by_the_default_strategy(strategy: Strategy, target: str) -> None:
    """Relative to the primary."""
    assert first(in_file_order(strategy), blocked(P), P, P2, S) == a_call(target, Reason.PRIMARY_BLOCKED)


def test_with_same_model_the_primary_is_waited_for() -> None:
    """If the wait is allowed."""
    same_model = in_file_order(Strategy.SAME_MODEL)

    assert first(same_model, blocked(P, until=60_000)) == a_call(P, Reason.LAST_RESORT, wait=60_000)
    assert begun(same_model, blocked(P, until=60_001)).decision == Exhausted(
        StopReason.WAIT_TOO_LONG, (), 60_001, primary=P
    )


def test_a_slow_primary_is_stood_in_for_by_the_latency_strategy() -> None:
    """The default strategy is for what the provider itself has asked for."""
    slow = a_high_latency(strategy=Strategy.SAME_PROVIDER)
    policy = a_policy(high_latency=slow, candidate_order=CandidateOrder.PRIORITY)

    assert first(policy, blocked(P, kind=BlockKind.LATENCY), P, S, P2) == a_call(P2, Reason.PRIMARY_BLOCKED)
    assert first(policy, blocked(P), P, S, P2) == a_call(S, Reason.PRIMARY_BLOCKED)


def test_a_primary_blocked_for_both_reasons_is_stood_in_for_by_the_default_strategy() -> None:
    blocks = blocked(P)
    blocks.add(Block(BlockKind.LATENCY, P, after(90_000)), now=NOW)
    slow = a_high_latency(strategy=Strategy.SAME_PROVIDER)
    policy = a_policy(high_latency=slow, candidate_order=CandidateOrder.PRIORITY)

    assert first(policy, blocks, P, P2, S) == a_call(S, Reason.PRIMARY_BLOCKED)


def test_a_slow_primary_with_same_model_is_used_anyway() -> None:
    """Our own guess must never turn a slow provider into an outage."""
    slow = a_high_latency(strategy=Strategy.SAME_MODEL)

    assert first(a_policy(high_latency=slow), blocked(P, kind=BlockKind.LATENCY)) == a_call(P, Reason.LAST_RESORT)


def test_a_slow_primary_serves_if_no_other_is_better() -> None:
    """All blocked by latency: the one that is free soonest, the primary among them."""
    blocks = blocked(S, T, kind=BlockKind.LATENCY, until=90_000)
    blocks.add(Block(BlockKind.LATENCY, P, after(80_000)), now=NOW)

    assert first(a_policy(), blocks) == a_call(P, Reason.LAST_RESORT)


def test_a_slow_stand_in_serves_if_it_is_free_sooner() -> None:
    blocks = blocked(P, T, kind=BlockKind.LATENCY, until=90_000)
    blocks.add(Block(BlockKind.LATENCY, S, after(80_000)), now=NOW)

    assert first(a_policy(), blocks) == a_call(S, Reason.LAST_RESORT)


def test_all_equally_slow_leaves_it_with_the_primary() -> None:
    """A block of one endpoint that they share ends for all of them at once."""
    shared = [a_target(target, endpoint="https://shared.test:443") for target in (S, P, T)]
    blocks = blocked("https://shared.test:443", kind=BlockKind.LATENCY)

    assert first(a_policy(fallback_models=(S,)), blocks, *shared) == a_call(P, Reason.LAST_RESORT)


def test_a_single_blocked_primary_is_waited_for() -> None:
    """Even with a failover strategy: there is no other target."""
    assert first(a_policy(), blocked(P, until=2000), P) == a_call(P, Reason.LAST_RESORT, wait=2000)


def test_all_blocked_by_retry_after_waits_for_the_first() -> None:
    blocks = blocked(P, S, until=30_000)
    blocks.add(Block(BlockKind.RETRY_AFTER, T, after(2000)), now=NOW)

    assert first(a_policy(), blocks) == a_call(T, Reason.LAST_RESORT, wait=2000)


def test_all_blocked_for_too_long_calls_no_target() -> None:
    """The client learns when to come back."""
    blocks = blocked(P, S, until=90_000)
    blocks.add(Block(BlockKind.RETRY_AFTER, T, after(80_000)), now=NOW)

    assert begun(a_policy(), blocks).decision == Exhausted(
        StopReason.WAIT_TOO_LONG, (), shortest_block=80_000, primary=P
    )


def test_taking_turns_is_between_those_who_stand_in() -> None:
    """The primary, being blocked, has no turn."""
    policy = a_policy(candidate_order=CandidateOrder.ROUND_ROBIN)
    engine = an_engine(P, S, T, policy=policy, blocks=blocked(P))

    assert [Journey(engine).path for _ in range(4)] == [[S], [T], [S], [T]]
