"""Going round all candidates once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    CONNECTION_ERROR,
    NOW,
    P2,
    SUCCESS,
    TIMEOUT,
    P,
    S,
    T,
    a_policy,
    a_rule,
    after,
    an_engine,
    http,
    on_status,
)
from support.policy.journeys import Journey

from extproc.policy.attempt_state import Reason
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Deliver, Exhausted, StopReason
from extproc.policy.rules import CandidateOrder, Rule, Strategy

if TYPE_CHECKING:
    from extproc.policy.outcome import Outcome

IN_FILE_ORDER = a_policy(default=a_rule(max_attempts=9), candidate_order=CandidateOrder.PRIORITY)


@pytest.mark.parametrize("failure", [CONNECTION_ERROR, http(503), http(500)])
def test_a_single_provider_gets_a_second_round(failure: Outcome) -> None:
    """One refused connection or 5xx, and half a second later it responds: the client notices nothing."""
    journey = Journey(an_engine(P, policy=a_policy())).gets(failure, SUCCESS)

    assert isinstance(journey.decision, Deliver)
    assert (journey.path, journey.waits, journey.now) == ([P, P], [0, 500], after(500))
    assert journey.reasons == [Reason.PRIMARY, Reason.NEXT_ROUND]
    assert [failure.rule for failure in journey.state.failures] == ["default"]


def test_a_round_starts_over_from_the_primary() -> None:
    """Targets that were tried may be tried again, in the same order; once more is the default."""
    journey = Journey(an_engine(P, S, policy=IN_FILE_ORDER)).gets(http(503), CONNECTION_ERROR, http(500), http(502))

    assert isinstance(journey.decision, Exhausted)
    assert (journey.path, journey.waits) == ([P, S, P, S], [0, 0, 500, 0])
    assert journey.decision.reason is StopReason.NO_CANDIDATE


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_there_are_as_many_rounds_as_the_policy_says(rounds: int) -> None:
    policy = a_policy(default=a_rule(max_attempts=9), rounds=rounds)

    journey = Journey(an_engine(P, policy=policy)).gets(*[http(503)] * rounds)

    assert isinstance(journey.decision, Exhausted)
    assert journey.decision.reason is StopReason.NO_CANDIDATE


def test_the_delay_before_a_round_is_the_policys() -> None:
    policy = a_policy(default=a_rule(max_attempts=9), rounds=3, round_delay=70)

    assert Journey(an_engine(P, policy=policy)).gets(http(503), http(503)).waits == [0, 70, 70]


@pytest.mark.parametrize("failure", [http(429), http(408), TIMEOUT])
def test_one_failure_of_another_kind_rules_out_another_round(failure: Outcome) -> None:
    """A target that is out of quota or silent will hardly be better half a second later."""
    for failures in ((failure, http(503)), (http(503), failure)):
        journey = Journey(an_engine(P, S, policy=IN_FILE_ORDER)).gets(*failures)

        assert isinstance(journey.decision, Exhausted)
        assert (journey.path, journey.decision.reason) == ([P, S], StopReason.NO_CANDIDATE)


def test_each_round_is_decided_by_its_own_failures() -> None:
    """A 429 in the second round rules out the third."""
    policy = a_policy(default=a_rule(max_attempts=9), rounds=3)

    journey = Journey(an_engine(P, policy=policy)).gets(http(503), http(429))

    assert isinstance(journey.decision, Exhausted)
    assert journey.path == [P, P]


def test_a_round_begins_only_when_no_target_is_left() -> None:
    """By the strategy of the last failure; another one's candidates do not count."""
    policy = a_policy(
        default=a_rule(max_attempts=9), on_status=on_status(a_rule("on_status_codes[0]", Strategy.SAME_PROVIDER), 503)
    )

    journey = Journey(an_engine(P, P2, S, policy=policy)).gets(http(503), http(503))

    assert (journey.path, journey.waits) == ([P, P2, P], [0, 0, 500])


def test_the_delay_before_a_round_and_the_backoff_run_at_the_same_time() -> None:
    """The longer of both."""
    rule = Rule("default", max_attempts=9, backoff=Backoff(Reach.SAME_MODEL, 300, 5000, Jitter.NONE))
    policy = a_policy(default=rule, rounds=5)

    assert Journey(an_engine(P, policy=policy)).gets(*[http(503)] * 3).waits == [0, 500, 600, 1200]


def test_a_round_whose_delay_would_cross_a_limit_is_not_begun() -> None:
    budget, deadline = (
        Journey(an_engine(P, policy=policy), timeout=timeout).gets(http(503))
        for policy, timeout in ((a_policy(max_duration=499), 300_000), (a_policy(), 500))
    )

    assert isinstance(budget.decision, Exhausted)
    assert isinstance(deadline.decision, Exhausted)
    assert (budget.decision.reason, deadline.decision.reason) == (StopReason.BUDGET_SPENT, StopReason.DEADLINE)


def test_a_round_begins_with_who_stands_in_for_a_blocked_primary() -> None:
    """The primary has asked for more time in the meantime."""
    policy = a_policy(default=a_rule(max_attempts=9), candidate_order=CandidateOrder.PRIORITY)

    journey = Journey(an_engine(P, S, policy=policy)).gets(http(503, retry_after=9000), http(503))

    assert (journey.path, journey.waits) == ([P, S, S], [0, 0, 500])
    assert journey.reasons[-1] is Reason.PRIMARY_BLOCKED


def test_a_single_primary_that_has_asked_for_more_time_is_waited_for() -> None:
    """Retry-After and the delay run at the same time."""
    journey = Journey(an_engine(P, policy=a_policy())).gets(http(503, retry_after=3000))

    assert (journey.path, journey.waits) == ([P, P], [0, 3000])


def test_a_second_round_rather_than_nothing_when_the_others_are_blocked() -> None:
    """Waiting for them would take too long."""
    blocks = Blocks()
    blocks.add(Block(BlockKind.RETRY_AFTER, S, after(90_000)), now=NOW)

    journey = Journey(an_engine(P, S, policy=a_policy(), blocks=blocks)).gets(http(503))

    assert (journey.path, journey.waits) == ([P, P], [0, 500])


def test_same_model_knows_no_rounds() -> None:
    """Its only candidate is never used up: a wait for it that is too long ends the request now.

    A round would begin with a target in its place, which the rule forbids.
    """
    policy = a_policy(on_status=on_status(a_rule("on_status_codes[0]", Strategy.SAME_MODEL), 503), fallback_models=(S,))

    journey = Journey(an_engine(P, S, T, policy=policy)).gets(http(503, retry_after=90_000))

    assert isinstance(journey.decision, Exhausted)
    assert (journey.decision.reason, journey.decision.observed_retry_after) == (StopReason.WAIT_TOO_LONG, 90_000)
