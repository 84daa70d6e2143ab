"""How long the next attempt waits, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    NOW,
    P2,
    SUCCESS,
    P,
    S,
    a_policy,
    a_rule,
    a_target,
    after,
    always,
    an_engine,
    http,
    on_status,
)
from support.policy.journeys import Journey, Reply

from extproc.policy.attempt_state import Reason
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Exhausted, StopReason
from extproc.policy.rules import Lifetime, RetryAfterHandling, Rule, Scope, Strategy

if TYPE_CHECKING:
    from extproc.policy.rules import Policy


def here(backoff: Backoff | None = None, handling: RetryAfterHandling | None = None) -> Policy:
    """Return a policy that tries the same model again."""
    rule = Rule("default", Strategy.SAME_MODEL, max_attempts=9, backoff=backoff)
    return a_policy(default=rule, retry_after=handling or RetryAfterHandling())


def every(base: int, reach: Reach = Reach.SAME_MODEL) -> Backoff:
    return Backoff(reach, base, 60_000, Jitter.NONE)


def test_without_a_backoff_the_next_attempt_is_made_at_once() -> None:
    assert Journey(an_engine(policy=here())).gets(*[http(429)] * 3).waits == [0, 0, 0, 0]


def test_the_backoff_doubles_with_each_failure() -> None:
    """500 ms and a second, and the response comes after a second and a half."""
    journey = Journey(an_engine(policy=here(every(500)))).gets(http(429), http(429), SUCCESS)

    assert (journey.waits, journey.now) == ([0, 500, 1000], after(1500))


def test_jitter_is_drawn_from_the_rng() -> None:
    engine = an_engine(policy=here(Backoff(Reach.GLOBAL)))

    assert [Journey(engine, rng=always(number)).gets(http(429)).waits[1] for number in (0.0, 0.5)] == [50, 75]


def test_decorrelated_jitter_follows_the_wait_before() -> None:
    policy = here(Backoff(Reach.GLOBAL, 100, 60_000, Jitter.DECORRELATED))

    assert Journey(an_engine(policy=policy)).gets(*[http(429)] * 3).waits == [0, 200, 350, 575]


def test_another_provider_is_not_delayed_by_a_backoff_that_does_not_reach_it() -> None:
    rule = Rule("default", backoff=every(500, Reach.SAME_PROVIDER))
    policy = a_policy(default=rule, fallback_models=(S, P2))

    journey = Journey(an_engine(P, P2, S, policy=policy)).gets(http(429), http(429))

    assert (journey.path, journey.waits) == ([P, S, P2], [0, 0, 0])


def test_a_global_backoff_delays_every_attempt() -> None:
    rule = Rule("default", backoff=every(500, Reach.GLOBAL))
    policy = a_policy(default=rule, fallback_models=(S, P2))

    assert Journey(an_engine(P, P2, S, policy=policy)).gets(http(429), http(429)).waits == [0, 500, 1000]


def test_an_entry_may_have_a_backoff_of_its_own() -> None:
    """It counts the failures that others were charged with, too: they were the same target's."""
    entry = Rule("on_status_codes[0]", Strategy.SAME_MODEL, max_attempts=9, backoff=every(300))
    default = Rule("default", Strategy.SAME_MODEL, max_attempts=9, backoff=every(100))
    policy = a_policy(default=default, on_status=on_status(entry, 429))

    assert Journey(an_engine(policy=policy)).gets(http(503), http(429), http(503)).waits == [0, 100, 600, 400]


def test_retry_after_is_waited_for_to_the_millisecond() -> None:
    """What remains of it when the next attempt is decided upon."""
    journey = Journey(an_engine(policy=here())).gets(Reply(http(429, retry_after=2345), took=100))

    assert (journey.waits, journey.calls[-1].at) == ([0, 2345], after(2445))
    assert journey.reasons[-1] is Reason.SAME_MODEL


@pytest.mark.parametrize(("retry_after", "wait"), [(0, 500), (499, 500), (500, 500), (501, 501)])
def test_the_longer_of_backoff_and_retry_after(retry_after: int, wait: int) -> None:
    """Zero is a wait as well; it is not a shorter back-off."""
    assert Journey(an_engine(policy=here(every(500)))).gets(http(429, retry_after)).waits == [0, wait]


@pytest.mark.parametrize("scope", list(Scope))
def test_a_retry_after_never_delays_another_provider(scope: Scope) -> None:
    """Whatever it was said about: that is the point of having another."""
    policy = a_policy(fallback_models=(S,), retry_after=RetryAfterHandling(scope=scope))

    journey = Journey(an_engine(policy=policy)).gets(http(429, retry_after=60_000))

    assert (journey.path, journey.waits) == ([P, S], [0, 0])


@pytest.mark.parametrize(
    ("scope", "wait"), [(Scope.MODEL, [0, 0]), (Scope.PROVIDER, [0, 4000]), (Scope.ENDPOINT, [0, 4000])]
)
def test_a_retry_after_concerns_what_it_was_said_about(scope: Scope, wait: list[int]) -> None:
    """Another model of the same provider and endpoint is delayed unless it was about the model alone."""
    policy = a_policy(
        default=a_rule(strategy=Strategy.SAME_PROVIDER), retry_after=RetryAfterHandling(scope=scope), rounds=1
    )

    journey = Journey(an_engine(P, P2, policy=policy)).gets(http(429, retry_after=4000))

    assert (journey.path, journey.waits) == ([P, P2], wait)


def test_an_endpoint_may_be_shared_by_providers() -> None:
    """One's Retry-After then concerns the other; without that scope it does not."""
    shared = [a_target(target, endpoint="https://shared.test:443") for target in (P, S)]

    waits = [
        Journey(an_engine(*shared, policy=a_policy(retry_after=RetryAfterHandling(scope=scope))))
        .gets(http(429, retry_after=4000))
        .waits
        for scope in (Scope.PROVIDER, Scope.ENDPOINT)
    ]

    assert waits == [[0, 0], [0, 4000]]


@pytest.mark.parametrize("lifetime", list(Lifetime))
def test_a_wait_longer_than_allowed_is_not_begun(lifetime: Lifetime) -> None:
    """With same_model there is no other target: exhausted now, and the client learns how long it is."""
    engine = an_engine(policy=here(handling=RetryAfterHandling(apply_to=lifetime, max_wait=3000)))

    journey = Journey(engine, rng=always(0.0)).gets(Reply(http(429, retry_after=3001), took=7))

    assert isinstance(journey.decision, Exhausted)
    assert (journey.now, journey.decision.reason) == (after(7), StopReason.WAIT_TOO_LONG)
    assert journey.decision.observed_retry_after == 3001
    assert journey.decision.shortest_block == 3001


def test_a_wait_as_long_as_allowed_is_begun() -> None:
    policy = here(handling=RetryAfterHandling(max_wait=3000))

    assert Journey(an_engine(policy=policy)).gets(http(429, retry_after=3000)).waits == [0, 3000]


@pytest.mark.parametrize("number", [0.0, 0.5, 0.99])
def test_jitter_never_makes_a_wait_longer_than_allowed(number: float) -> None:
    """The end of a block is spread, but not past what a request may wait: 60 seconds are often asked for."""
    journey = Journey(an_engine(policy=here()), rng=always(number)).gets(http(429, retry_after=60_000))

    assert journey.waits == [0, 60_000]


def test_a_backoff_longer_than_allowed_is_not_begun_either() -> None:
    policy = here(every(5000), RetryAfterHandling(max_wait=9999))

    journey = Journey(an_engine(policy=policy)).gets(http(429), http(429))

    assert isinstance(journey.decision, Exhausted)
    assert (journey.waits, journey.decision.reason) == ([0, 5000], StopReason.WAIT_TOO_LONG)


def test_another_candidate_is_picked_instead_of_a_wait_that_is_too_long() -> None:
    """Among those that the strategy allows: here the block of S outlasts what may be waited, that of P2 does not."""
    blocks = Blocks()
    for target, until in ((S, 70_000), ("mistral/mistral-large", 30_000)):
        blocks.add(Block(BlockKind.RETRY_AFTER, target, after(until)), now=NOW)
    policy = a_policy(fallback_models=(S,))

    journey = Journey(an_engine(policy=policy, blocks=blocks)).gets(http(429))

    assert (journey.path, journey.waits) == ([P, "mistral/mistral-large"], [0, 30_000])


def test_waits_add_up_in_the_budget() -> None:
    """The third wait would cross it."""
    rule = Rule("default", Strategy.SAME_MODEL, max_attempts=9, backoff=every(1000))
    policy = a_policy(default=rule, max_duration=6000)

    journey = Journey(an_engine(policy=policy)).gets(*[http(429)] * 3)

    assert isinstance(journey.decision, Exhausted)
    assert (journey.waits, journey.decision.reason) == ([0, 1000, 2000], StopReason.BUDGET_SPENT)
