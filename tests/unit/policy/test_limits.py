"""What ends a request that has not succeeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    CONNECTION_ERROR,
    SUCCESS,
    TIMEOUT,
    P,
    S,
    T,
    a_policy,
    a_rule,
    a_state,
    an_engine,
    http,
    on_status,
)
from support.policy.journeys import Journey, Reply

from extproc.policy.attempt_state import FailedAttempt
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.decision import Deliver, Exhausted, StopReason
from extproc.policy.rules import Policy, Rule, Strategy

if TYPE_CHECKING:
    from extproc.policy.outcome import Outcome

HERE = Strategy.SAME_MODEL


def a_default(max_attempts: int = 2, backoff: Backoff | None = None) -> Rule:
    return Rule("default", HERE, max_attempts, backoff)


def every(wait: int) -> Backoff:
    """Return a back-off whose first wait is *wait*."""
    return Backoff(Reach.GLOBAL, wait, wait * 1000, Jitter.NONE)


def ended(policy: Policy, *replies: Outcome | Reply, timeout: int = 300_000) -> tuple[int, StopReason]:
    """Return the number of calls that a request made, and why there was no further one."""
    journey = Journey(an_engine(policy=policy), timeout=timeout).gets(*replies)
    assert isinstance(journey.decision, Exhausted)
    assert len(journey.decision.failures) == len(journey.calls)
    return len(journey.calls), journey.decision.reason


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_rule_allows_as_many_retries_as_it_says(most: int) -> None:
    """A rule charged more than its max_attempts times ends the request: 1 means one retry."""
    assert ended(a_policy(default=a_default(most)), *[http(429)] * (most + 1)) == (most + 1, StopReason.RULE_SPENT)


def test_what_was_tried_is_reported_when_nothing_more_is() -> None:
    """Every attempt that was made, in order, and none that was only planned."""
    policy = a_policy(default=a_rule(max_attempts=1), fallback_models=(S, T))

    journey = Journey(an_engine(policy=policy)).gets(Reply(http(429), took=30), Reply(http(503), took=70))

    assert journey.decision == Exhausted(
        StopReason.RULE_SPENT,
        (FailedAttempt(P, http(429), "default", duration=30), FailedAttempt(S, http(503), "default", duration=70)),
        shortest_block=None,
        primary=P,
    )


def test_each_rule_counts_for_itself() -> None:
    """Failures of different kinds are not added up."""
    policy = a_policy(
        default=a_default(1),
        on_status=on_status(a_rule("on_status_codes[0]", HERE, 1), 429),
        on_timeout=a_rule("on_timeout", HERE, 1),
        on_connection_error=a_rule("on_connection_error", HERE, 1),
    )
    replies = [http(429), http(503), TIMEOUT, CONNECTION_ERROR]

    assert ended(policy, *replies, http(500)) == (5, StopReason.RULE_SPENT)
    assert ended(policy, *replies, TIMEOUT) == (5, StopReason.RULE_SPENT)


def test_all_codes_of_an_entry_share_its_count() -> None:
    policy = a_policy(on_status=on_status(a_rule("on_status_codes[0]", HERE, 2), 429, 502, 503))

    assert ended(policy, http(429), http(502), http(503)) == (3, StopReason.RULE_SPENT)


def test_rules_that_are_absent_share_the_count_of_the_default() -> None:
    assert ended(a_policy(default=a_default(2)), TIMEOUT, CONNECTION_ERROR, http(500)) == (3, StopReason.RULE_SPENT)


def test_counting_is_per_request() -> None:
    """What another request was charged does not count, on the same engine."""
    engine = an_engine(policy=a_policy(default=a_default(1)))

    assert [len(Journey(engine).gets(http(500), http(500)).calls) for _ in range(3)] == [2, 2, 2]


def test_counting_goes_on_through_the_rounds() -> None:
    policy = a_policy(default=a_rule(max_attempts=2), rounds=5)
    engine = an_engine(P, policy=policy)

    journey = Journey(engine).gets(*[http(503)] * 3)

    assert (len(journey.calls), journey.decision) == (
        3,
        Exhausted(
            StopReason.RULE_SPENT,
            tuple(FailedAttempt(P, http(503), "default", waited=wait) for wait in (0, 500, 500)),
            primary=P,
        ),
    )


@pytest.mark.parametrize("most", [2, 3, 10])
def test_the_hard_cap_is_over_all_rules(most: int) -> None:
    """max_total_attempts counts attempts, the first one too."""
    policy = a_policy(default=a_default(50), max_total_attempts=most)

    assert ended(policy, *([http(429), TIMEOUT] * 5)[:most]) == (most, StopReason.TOTAL_SPENT)


def test_ten_attempts_are_the_default() -> None:
    assert ended(a_policy(default=a_default(50)), *[http(429)] * 10) == (10, StopReason.TOTAL_SPENT)


def test_the_spent_rule_is_reported_before_the_spent_total() -> None:
    """The narrower limit says more."""
    assert ended(a_policy(default=a_default(1), max_total_attempts=2), http(429), http(429)) == (
        2,
        StopReason.RULE_SPENT,
    )


def test_the_budget_counts_from_the_first_failure() -> None:
    """max_retry_duration_ms: an attempt may follow at its very end, and none after it."""
    policy = a_policy(default=a_default(50), max_duration=5000)

    assert ended(policy, Reply(http(429), took=90_000), *[Reply(http(429), took=1000)] * 6) == (
        7,
        StopReason.BUDGET_SPENT,
    )


@pytest.mark.parametrize(("budget", "calls"), [(300, 3), (299, 2), (100, 2), (99, 1)])
def test_a_wait_that_would_cross_the_budget_is_not_begun(budget: int, calls: int) -> None:
    """The waits are 100 and 200 milliseconds."""
    policy = a_policy(default=a_default(50, every(100)), max_duration=budget)

    assert ended(policy, *[http(429)] * calls) == (calls, StopReason.BUDGET_SPENT)


@pytest.mark.parametrize(("timeout", "calls"), [(301, 3), (300, 2), (101, 2), (100, 1)])
def test_a_wait_that_would_cross_the_deadline_is_not_begun(timeout: int, calls: int) -> None:
    """The listener's timeout ends the request anyway."""
    policy = a_policy(default=a_default(50, every(100)))

    assert ended(policy, *[http(429)] * calls, timeout=timeout) == (calls, StopReason.DEADLINE)


def test_nothing_follows_the_deadline() -> None:
    assert ended(a_policy(default=a_default(50)), Reply(http(429), took=5000), timeout=5000) == (1, StopReason.DEADLINE)


def test_without_a_budget_only_the_deadline_ends_the_waiting() -> None:
    policy = a_policy(default=a_default(50))

    assert ended(policy, *[Reply(http(429), took=100_000)] * 3, timeout=300_000) == (3, StopReason.DEADLINE)


@pytest.mark.parametrize(
    "policy",
    [
        a_policy(default=a_default(0)),
        a_policy(max_total_attempts=1),
        a_policy(on_status=on_status(a_rule("on_status_codes[0]", max_attempts=0), 429)),
    ],
)
def test_an_only_attempt_that_allowed_no_retry_passes_through(policy: Policy) -> None:
    """With max_attempts 0 the provider's own response is worth more than ours."""
    assert Journey(an_engine(policy=policy)).gets(http(429)).decision == Deliver(a_state())


def test_a_second_attempt_that_allows_no_retry_does_not_pass_through() -> None:
    """The client must learn about the first."""
    policy = a_policy(default=a_default(1), on_status=on_status(a_rule("on_status_codes[0]", max_attempts=0), 429))

    assert ended(policy, http(500), http(429)) == (2, StopReason.RULE_SPENT)


def test_a_rule_without_retries_does_not_touch_the_others() -> None:
    policy = a_policy(default=a_default(0), on_status=on_status(a_rule("on_status_codes[0]", HERE, 1), 429))

    assert Journey(an_engine(policy=policy)).gets(http(429), SUCCESS).path == [P, P]
