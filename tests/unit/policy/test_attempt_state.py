"""The attempt state of one request."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from support.policy.builders import CONNECTION_ERROR, NOW, P2, TIMEOUT, P, S, T, a_next_attempt, a_state, after, http

from extproc.policy.attempt_state import AttemptState, FailedAttempt, Reason
from extproc.policy.blocks import Block, BlockKind
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.target import Freedom


def test_an_attempt_state_begins_without_failures() -> None:
    state = AttemptState(P, NOW, after(1000), a_next_attempt())

    assert (state.failures, state.first_failure, state.round, state.round_start) == ((), None, 1, 0)
    assert (state.blocks, state.slow, state.body_sha256) == ((), (), b"")
    assert (state.attempts_made, state.this_round, state.tried) == (0, (), frozenset())


def test_a_failure_keeps_what_its_attempt_was() -> None:
    """Who was called with which key after which wait, what came of it, and what it was charged to."""
    state = a_state(a_next_attempt(S, wait=500, reason=Reason.DIFFERENT_PROVIDER, key=2))

    reported = state.with_failure(http(429, 2000), "on_status_codes[0]", 40, now=after(540))

    failure = FailedAttempt(S, http(429, 2000), "on_status_codes[0]", key=2, waited=500, duration=40)
    assert reported == AttemptState(
        P, NOW, state.deadline, state.next, failures=(failure,), first_failure=after(540), body_sha256=b""
    )


def test_the_first_failure_stays_the_first() -> None:
    """max_retry_duration_ms counts from there."""
    once = a_state().with_failure(http(500), "default", 10, now=after(10))

    twice = once.with_failure(http(502), "default", 10, now=after(90))

    assert (twice.first_failure, twice.attempts_made) == (after(10), 2)
    assert [failure.outcome.status for failure in twice.failures] == [500, 502]


def test_an_attempt_state_loses_nothing_on_its_way() -> None:
    """Whatever fields it has, and will have: only what the change is about is different."""
    whole = AttemptState(
        primary=T,
        began=after(-1),
        deadline=after(9),
        next=a_next_attempt(S),
        failures=(FailedAttempt(P, http(429), "default"),),
        first_failure=after(-2),
        round=2,
        round_start=1,
        blocks=(Block(BlockKind.LATENCY, P, after(5)),),
        slow=(P,),
        body_sha256=b"digest",
        body_length=7,
        freedom=Freedom.ONCE,
    )
    failed = replace(whole, failures=(*whole.failures, FailedAttempt(S, TIMEOUT, "on_timeout", duration=7)))

    assert all(getattr(whole, field.name) != field.default for field in fields(AttemptState))
    assert whole.with_failure(TIMEOUT, "on_timeout", 7, now=NOW) == failed
    assert whole.with_next(a_next_attempt(P)) == replace(whole, next=a_next_attempt(P))


def test_what_was_tried_is_forgotten_with_the_round() -> None:
    failures = tuple(FailedAttempt(target, http(503), "default") for target in (P, S, T))
    state = AttemptState(P, NOW, after(1000), a_next_attempt(), failures, NOW, round=2, round_start=2)

    assert (state.this_round, state.tried) == (failures[2:], frozenset({T}))
    assert state.attempts_made == 3


def test_counting_is_per_rule() -> None:
    """Over all rounds; what is charged to no rule counts for none."""
    rules = ["default", "on_timeout", None, "default"]
    failures = tuple(FailedAttempt(P, http(503), rule) for rule in rules)
    state = AttemptState(P, NOW, after(1000), a_next_attempt(), failures, NOW, round=2, round_start=3)

    assert {rule: state.charged(rule) for rule in ("default", "on_timeout", "on_high_latency")} == {
        "default": 2,
        "on_timeout": 1,
        "on_high_latency": 0,
    }


def test_the_provider_that_failed() -> None:
    assert [FailedAttempt(target, TIMEOUT, None).provider for target in (P, P2, S)] == ["openai", "openai", "anthropic"]


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (http(429), "http_429"),
        (Outcome(Kind.TIMEOUT, 504, limit=2000), "timeout_2000ms"),
        (CONNECTION_ERROR, "connection_error"),
        (Outcome(Kind.HIGH_LATENCY, 503, limit=1000), "high_latency_1500ms_threshold_1000ms"),
    ],
)
def test_a_failures_name(outcome: Outcome, name: str) -> None:
    """What clients read in the exhausted response; only slowness has two numbers."""
    assert FailedAttempt(P, outcome, "default", duration=1500).error_type == name
