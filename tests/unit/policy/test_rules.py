"""The defaults of a policy, and which rule a failure is charged to."""

from __future__ import annotations

from support.policy.builders import (
    CONNECTION_ERROR,
    TIMEOUT,
    a_high_latency,
    a_policy,
    a_rule,
    a_target,
    http,
    on_status,
)

from extproc.policy.backoff import Backoff, Reach
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.rules import (
    CandidateOrder,
    HighLatency,
    Lifetime,
    Measure,
    Policy,
    RetryAfterHandling,
    Rule,
    Scope,
    Strategy,
)
from extproc.policy.target import Credential, Target

SLOW = Outcome(Kind.HIGH_LATENCY, 503, limit=1000)


def test_defaults_of_a_policy() -> None:
    """What `retry_policy: {}` means."""
    assert Policy(Rule("default")) == Policy(
        default=Rule("default", Strategy.DIFFERENT_PROVIDER, max_attempts=2, backoff=None),
        fallback_models=(),
        candidate_order=CandidateOrder.PRIORITY,
        on_status={},
        on_timeout=None,
        on_connection_error=None,
        attempt_timeout=30_000,
        timeout_block=30_000,
        high_latency=None,
        retry_after=RetryAfterHandling(Scope.MODEL, Lifetime.GLOBAL, cap=300_000, max_wait=60_000),
        max_duration=None,
        max_total_attempts=10,
        rounds=2,
        round_delay=500,
        repeat_window=2000,
        idempotency_header=None,
        discourage_client_retries=True,
    )


def test_defaults_of_high_latency() -> None:
    """Five minutes for this model, for all requests, after one slow response."""
    assert HighLatency(1000, Measure.TTFB, Strategy.SAME_PROVIDER, 2) == HighLatency(
        threshold=1000,
        measure=Measure.TTFB,
        strategy=Strategy.SAME_PROVIDER,
        max_attempts=2,
        block=300_000,
        scope=Scope.MODEL,
        apply_to=Lifetime.GLOBAL,
        min_triggers=1,
        window=60_000,
    )


def test_defaults_of_a_target() -> None:
    """One key of its own, and a candidate like any other."""
    target = a_target()

    assert Target(target.id, target.provider, target.endpoint, target.apis) == Target(
        target.id, target.provider, target.endpoint, target.apis, Credential.OWN, keys=1, wildcard=False
    )


def test_a_status_is_charged_to_its_entry() -> None:
    """And to the defaults where there is none."""
    entry = a_rule("on_status_codes[0]")
    policy = a_policy(on_status=on_status(entry, 429, 503))

    assert [policy.rule_for(http(status)) for status in (429, 503, 500)] == [entry, entry, policy.default]


def test_what_envoy_reports_is_not_charged_to_a_status() -> None:
    """A provider's 504 and 502 have entries; Envoy's own timeout and connection error are no statuses."""
    policy = a_policy(
        on_status=on_status(a_rule("on_status_codes[0]"), 502, 504),
        on_timeout=a_rule("on_timeout"),
        on_connection_error=a_rule("on_connection_error"),
    )

    assert [policy.rule_for(outcome).name for outcome in (http(504), http(502), TIMEOUT, CONNECTION_ERROR)] == [
        "on_status_codes[0]",
        "on_status_codes[0]",
        "on_timeout",
        "on_connection_error",
    ]


def test_rules_that_are_absent_are_the_default_rule() -> None:
    """A timeout and a connection error are then charged together with everything else."""
    policy = a_policy(on_status=on_status(a_rule("on_status_codes[0]"), 502, 504))

    assert [policy.rule_for(outcome) for outcome in (TIMEOUT, CONNECTION_ERROR)] == [policy.default] * 2


def test_a_slow_failure_is_charged_to_the_latency_rule() -> None:
    """It has a strategy and a count of its own, and the back-off of the defaults."""
    backoff = Backoff(Reach.GLOBAL)
    policy = a_policy(
        default=Rule("default", backoff=backoff),
        high_latency=a_high_latency(strategy=Strategy.SAME_PROVIDER, max_attempts=5),
    )

    assert policy.rule_for(SLOW) == Rule("on_high_latency", Strategy.SAME_PROVIDER, max_attempts=5, backoff=backoff)


def test_a_slow_failure_without_a_latency_rule_is_charged_to_the_default() -> None:
    """The attempt state may have been carried over from a configuration that had one."""
    policy = a_policy(on_status=on_status(a_rule("on_status_codes[0]"), 503))

    assert policy.rule_for(SLOW) == policy.default
