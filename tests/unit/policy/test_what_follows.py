"""What an outcome leads to, and what it is charged to."""

from __future__ import annotations

import pytest
from support.policy.builders import (
    CONNECTION_ERROR,
    NOW,
    SUCCESS,
    TIMEOUT,
    P,
    S,
    T,
    a_high_latency,
    a_next_attempt,
    a_policy,
    a_rule,
    a_state,
    after,
    an_engine,
    final,
    http,
    on_status,
)
from support.policy.journeys import Journey, Reply

from extproc.policy.attempt_state import AttemptState, FailedAttempt, NextAttempt, Reason
from extproc.policy.decision import Deliver, Try
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.rules import Policy, Strategy

IN_ORDER = a_policy(fallback_models=(S, T))


def charged(policy: Policy, outcome: Outcome, took: int = 0) -> str | None:
    """Return the rule that a failure of the first attempt is charged to."""
    return Journey(an_engine(policy=policy)).gets(Reply(outcome, took)).state.failures[0].rule


@pytest.mark.parametrize("outcome", [SUCCESS, Outcome(Kind.SUCCESS, 304), final(404), final(400), final(413)])
def test_success_and_what_is_final_is_delivered(outcome: Outcome) -> None:
    """A client's mistake is not sent to another vendor, even if a rule would have allowed it."""
    assert Journey(an_engine(policy=IN_ORDER)).gets(outcome).decision == Deliver(a_state())


@pytest.mark.parametrize("outcome", [http(429), http(503), TIMEOUT, CONNECTION_ERROR])
def test_a_failure_leads_to_another_attempt(outcome: Outcome) -> None:
    """The attempt state shows what failed and what comes next."""
    journey = Journey(an_engine(policy=IN_ORDER)).gets(Reply(outcome, took=40))

    assert journey.decision == Try(
        AttemptState(
            primary=P,
            began=NOW,
            deadline=after(300_000),
            next=NextAttempt(S, after(40), Reason.DIFFERENT_PROVIDER),
            failures=(FailedAttempt(P, outcome, "default", duration=40),),
            first_failure=after(40),
        )
    )


def test_the_response_after_a_failure_is_delivered_with_the_attempt_state_of_it() -> None:
    journey = Journey(an_engine(policy=IN_ORDER)).gets(http(429), SUCCESS)

    failure = FailedAttempt(P, http(429), "default")
    assert journey.decision == Deliver(
        AttemptState(
            P, NOW, after(300_000), a_next_attempt(S, reason=Reason.DIFFERENT_PROVIDER), (failure,), first_failure=NOW
        )
    )


def test_each_outcome_is_charged_to_its_rule() -> None:
    """First the matching on_status_codes entry, then on_timeout, on_connection_error, and the defaults."""
    policy = a_policy(
        on_status=on_status(a_rule("on_status_codes[0]"), 429, 502, 504),
        on_timeout=a_rule("on_timeout"),
        on_connection_error=a_rule("on_connection_error"),
    )
    rules = {
        http(429): "on_status_codes[0]",
        http(504): "on_status_codes[0]",
        http(503): "default",
        TIMEOUT: "on_timeout",
        CONNECTION_ERROR: "on_connection_error",
    }

    assert {outcome: charged(policy, outcome) for outcome in rules} == rules


def test_a_failure_slower_than_the_threshold_is_charged_to_on_high_latency() -> None:
    """Strictly slower; and only if nothing more exact is said about its status."""
    policy = a_policy(high_latency=a_high_latency(threshold=1000), on_status=on_status(a_rule("entry"), 429))

    assert [charged(policy, http(503), took) for took in (1000, 1001)] == ["default", "on_high_latency"]
    assert charged(policy, http(429), 1001) == "entry"
    assert charged(policy, TIMEOUT, 60_000) == "default"
    assert charged(policy, CONNECTION_ERROR, 60_000) == "default"


def test_a_failure_slower_than_the_threshold_is_recorded_as_slow() -> None:
    """Clients read how slow it was and what the threshold is; what the provider asked for is kept."""
    policy = a_policy(high_latency=a_high_latency(threshold=1000))

    journey = Journey(an_engine(policy=policy)).gets(Reply(http(503, retry_after=7), took=1500))

    slow = Outcome(Kind.HIGH_LATENCY, 503, retry_after=7, limit=1000)
    assert journey.state.failures == (FailedAttempt(P, slow, "on_high_latency", duration=1500),)
    assert journey.state.failures[0].error_type == "high_latency_1500ms_threshold_1000ms"


def test_a_slow_failure_goes_where_on_high_latency_says() -> None:
    policy = a_policy(high_latency=a_high_latency(strategy=Strategy.SAME_MODEL, max_attempts=1))

    journey = Journey(an_engine(policy=policy)).gets(Reply(http(503), took=1500), Reply(http(503), took=1500))

    assert (journey.path, isinstance(journey.decision, Try)) == ([P, P], False)


def test_without_on_high_latency_nothing_is_slow() -> None:
    assert charged(a_policy(), http(503), took=200_000) == "default"


def test_a_failure_is_recorded_with_the_wait_and_the_key_it_had() -> None:
    engine = an_engine(policy=IN_ORDER)
    state = a_state(a_next_attempt(P, wait=500, reason=Reason.NEXT_ROUND, key=2))

    decision = engine.after(state, http(429), Journey(engine).api, duration=40, now=after(540), rng=lambda: 0.5)

    assert isinstance(decision, Try)
    assert decision.state.failures == (FailedAttempt(P, http(429), "default", key=2, waited=500, duration=40),)
