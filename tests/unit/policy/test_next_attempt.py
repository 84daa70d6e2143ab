"""Who gets the next attempt."""

from __future__ import annotations

import pytest
from support.policy.builders import (
    CONNECTION_ERROR,
    NOW,
    P2,
    TIMEOUT,
    P,
    S,
    T,
    a_policy,
    a_rule,
    a_target,
    after,
    always,
    an_engine,
    blocked,
    http,
    on_status,
)
from support.policy.journeys import Journey

from extproc.policy.attempt_state import Reason
from extproc.policy.blocks import Block, BlockKind
from extproc.policy.decision import Exhausted, StopReason
from extproc.policy.rules import CandidateOrder, Lifetime, Policy, RetryAfterHandling, Strategy
from extproc.policy.target import Api, Credential

IN_FILE_ORDER = a_policy(default=a_rule(max_attempts=9), candidate_order=CandidateOrder.PRIORITY, rounds=1)


def by(strategy: Strategy) -> Policy:
    return a_policy(default=a_rule(strategy=strategy), candidate_order=CandidateOrder.PRIORITY, rounds=1)


@pytest.mark.parametrize(
    ("strategy", "target", "reason"),
    [
        (Strategy.SAME_MODEL, P, Reason.SAME_MODEL),
        (Strategy.SAME_PROVIDER, P2, Reason.SAME_PROVIDER),
        (Strategy.DIFFERENT_PROVIDER, S, Reason.DIFFERENT_PROVIDER),
    ],
)
def test_strategies(strategy: Strategy, target: str, reason: Reason) -> None:
    """The same target, another model of its provider, or another provider; recorded with the attempt."""
    journey = Journey(an_engine(P, P2, S, policy=by(strategy))).gets(http(429))

    assert (journey.path, journey.reasons) == ([P, target], [Reason.PRIMARY, reason])


def test_a_strategy_is_relative_to_the_target_that_just_failed() -> None:
    """Not to the primary: two different providers, then another model of the second."""
    policy = a_policy(
        default=a_rule(strategy=Strategy.DIFFERENT_PROVIDER),
        on_status=on_status(a_rule("on_status_codes[0]", Strategy.SAME_PROVIDER), 503),
        candidate_order=CandidateOrder.PRIORITY,
    )

    journey = Journey(an_engine(P, P2, S, "anthropic/claude-3-opus", policy=policy)).gets(http(429), http(503))

    assert journey.path == [P, S, "anthropic/claude-3-opus"]


def test_each_rule_has_its_strategy() -> None:
    policy = a_policy(
        on_status=on_status(a_rule("on_status_codes[0]", Strategy.SAME_MODEL), 429),
        on_timeout=a_rule("on_timeout", Strategy.SAME_PROVIDER),
        on_connection_error=a_rule("on_connection_error", Strategy.DIFFERENT_PROVIDER),
        candidate_order=CandidateOrder.PRIORITY,
    )

    journey = Journey(an_engine(P, P2, S, policy=policy)).gets(http(429), TIMEOUT, CONNECTION_ERROR)

    assert journey.path == [P, P, P2, S]


def test_fallback_models_come_first_in_order() -> None:
    policy = a_policy(default=a_rule(max_attempts=9), fallback_models=(T, S), rounds=1)

    journey = Journey(an_engine(P, "xai/grok-4", S, T, policy=policy)).gets(*[http(429)] * 4)

    assert journey.path == [P, T, S, "xai/grok-4"]


def test_no_target_is_tried_twice_in_a_round() -> None:
    """When no target is left, the request is exhausted."""
    journey = Journey(an_engine(P, S, T, policy=IN_FILE_ORDER)).gets(*[http(429)] * 3)

    assert isinstance(journey.decision, Exhausted)
    assert (journey.path, journey.decision.reason) == ([P, S, T], StopReason.NO_CANDIDATE)


def test_who_cannot_serve_the_request_is_no_candidate() -> None:
    """Another API, no credential, the client's credential for another provider, a wildcard: all of them passed over."""
    targets = [
        a_target(P, apis=[Api.CHAT, Api.MODERATIONS]),
        a_target("a/speaks-no-embeddings"),
        a_target("b/has-no-key", apis=[Api.MODERATIONS], credential=Credential.MISSING, keys=0),
        a_target("c/has-the-clients-key", apis=[Api.MODERATIONS], credential=Credential.CLIENT, keys=0),
        a_target("d/*", apis=[Api.MODERATIONS], wildcard=True),
        a_target("e/fits", apis=[Api.MODERATIONS]),
    ]

    journey = Journey(an_engine(*targets, policy=IN_FILE_ORDER), api=Api.MODERATIONS).gets(http(429), http(429))

    assert journey.path == [P, "e/fits"]


def test_the_primary_is_called_whatever_it_speaks() -> None:
    """The client has asked for it by name; no other may stand in for a request that only it understands."""
    journey = Journey(an_engine(policy=IN_FILE_ORDER), api=Api.MODERATIONS).gets(http(429))

    assert isinstance(journey.decision, Exhausted)
    assert journey.path == [P]


def test_a_wildcards_model_fails_over_to_configured_ones() -> None:
    """It has the policy of its wildcard."""
    policy = by(Strategy.SAME_PROVIDER)
    engine = an_engine(P, S, policy=policy, wildcards=[a_target("openai/*", wildcard=True)])

    assert Journey(engine, P2).gets(http(429)).path == [P2, P]


@pytest.mark.parametrize(("number", "path"), [(0.0, [P, S, T]), (0.99, [P, T, S])])
def test_random_order_among_the_others_if_the_policy_says_so(number: float, path: list[str]) -> None:
    """The random source is an argument."""
    policy = a_policy(rounds=1, candidate_order=CandidateOrder.RANDOM)

    assert Journey(an_engine(policy=policy), rng=always(number)).gets(http(429), http(429)).path == path


def test_priority_is_the_order_of_the_file() -> None:
    engine = an_engine(P, T, S, policy=IN_FILE_ORDER)

    assert Journey(engine, rng=always(0.99)).gets(http(429), http(429)).path == [P, T, S]


def test_round_robin_rotates_from_request_to_request() -> None:
    policy = a_policy(candidate_order=CandidateOrder.ROUND_ROBIN)
    engine = an_engine(P, S, T, "xai/grok-4", policy=policy)

    seconds = [Journey(engine).gets(http(429)).path[1] for _ in range(5)]

    assert seconds == [S, T, "xai/grok-4", S, T]


def test_each_primary_has_turns_of_its_own() -> None:
    """A retry of one request does not shift the turns of those for another model."""
    engine = an_engine(P, S, T, policy=a_policy(candidate_order=CandidateOrder.ROUND_ROBIN))

    paths = [Journey(engine, primary).gets(http(429)).path for primary in (P, T, P, T)]

    assert paths == [[P, S], [T, P], [P, T], [T, S]]


def test_a_named_fallback_uses_up_no_turn() -> None:
    policy = a_policy(fallback_models=(S,), candidate_order=CandidateOrder.ROUND_ROBIN)
    engine = an_engine(P, S, T, "xai/grok-4", policy=policy)

    paths = [Journey(engine).gets(http(429), http(429)).path for _ in range(3)]

    assert paths == [[P, S, T], [P, S, "xai/grok-4"], [P, S, T]]


@pytest.mark.parametrize("kind", [BlockKind.RETRY_AFTER, BlockKind.LATENCY])
def test_a_blocked_target_is_passed_over(kind: BlockKind) -> None:
    """While another one is not."""
    engine = an_engine(P, S, T, policy=IN_FILE_ORDER, blocks=blocked(S, kind=kind))

    assert Journey(engine).gets(http(429)).path == [P, T]


def test_targets_blocked_by_latency_are_used_rather_than_none() -> None:
    """The one that is free soonest."""
    blocks = blocked(S, until=9_000_000, kind=BlockKind.LATENCY)
    blocks.add(Block(BlockKind.LATENCY, T, after(8_000_000)), now=NOW)

    journey = Journey(an_engine(P, S, T, policy=IN_FILE_ORDER, blocks=blocks)).gets(http(429), http(429))

    assert (journey.path, journey.waits) == ([P, T, S], [0, 0, 0])
    assert journey.reasons == [Reason.PRIMARY, Reason.LAST_RESORT, Reason.LAST_RESORT]


def test_targets_blocked_by_retry_after_are_waited_for() -> None:
    """The one whose block ends first."""
    blocks = blocked(S, until=9000)
    blocks.add(Block(BlockKind.RETRY_AFTER, T, after(8000)), now=NOW)

    journey = Journey(an_engine(P, S, T, policy=IN_FILE_ORDER, blocks=blocks)).gets(http(429))

    assert (journey.path, journey.waits, journey.now) == ([P, T], [0, 8000], after(8000))
    assert journey.reasons == [Reason.PRIMARY, Reason.LAST_RESORT]


def test_what_is_left_is_blocked_for_too_long() -> None:
    """Exhausted at once; the client learns when the first of them is back."""
    blocks = blocked(S, until=90_000)
    blocks.add(Block(BlockKind.RETRY_AFTER, T, after(80_000)), now=NOW)

    journey = Journey(an_engine(P, S, T, policy=IN_FILE_ORDER, blocks=blocks)).gets(http(429))

    assert isinstance(journey.decision, Exhausted)
    assert (journey.path, journey.now) == ([P], NOW)
    assert (journey.decision.reason, journey.decision.shortest_block) == (StopReason.WAIT_TOO_LONG, 80_000)


def test_when_the_primary_is_back_is_reported_whatever_ended_the_request() -> None:
    """A spent rule says nothing of waits, and yet one is known: of the primary, and of whom else was tried."""
    policy = a_policy(default=a_rule(max_attempts=1), fallback_models=(S,))

    journey = Journey(an_engine(policy=policy)).gets(http(429, retry_after=4000), http(429, retry_after=3000))

    assert isinstance(journey.decision, Exhausted)
    assert (journey.decision.reason, journey.decision.shortest_block) == (StopReason.RULE_SPENT, 3000)
    assert journey.decision.observed_retry_after == 4000


def test_blocks_of_one_request_are_its_own() -> None:
    """With `apply_to: request` the next request knows nothing of it."""
    policy = a_policy(
        default=a_rule(strategy=Strategy.SAME_MODEL), retry_after=RetryAfterHandling(apply_to=Lifetime.REQUEST)
    )
    engine = an_engine(policy=policy)

    assert Journey(engine).gets(http(429, retry_after=2000)).waits == [0, 2000]
    assert Journey(engine).waits == [0]
