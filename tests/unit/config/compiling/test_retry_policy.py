"""retry_policy, compiled."""

from __future__ import annotations

import pytest
from support.config.files import S, a_file, a_provider, gateway, policy, with_policy

from extproc.policy.backoff import Backoff, Jitter, Reach
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
from extproc.policy.target import TargetId

SAME = Strategy.SAME_MODEL
SIBLING = Strategy.SAME_PROVIDER
OTHER = Strategy.DIFFERENT_PROVIDER


def test_without_the_key_there_is_no_retry() -> None:
    assert gateway(a_file(a_provider(), a_provider(S))).catalog.policies == {}


def test_an_empty_policy_is_all_defaults() -> None:
    assert policy({}) == Policy(default=Rule("default", OTHER, 2))


def test_every_key_arrives() -> None:
    """Nothing that may be written is dropped on the way."""
    found = policy(
        {
            "fallback_models": [S],
            "default_strategy": "same_provider",
            "default_max_attempts": 0,
            "candidate_order": "random",
            "on_status_codes": [{"codes": [429], "strategy": "same_model", "max_attempts": 1}],
            "on_timeout": {"strategy": "same_model", "max_attempts": 3, "after_ms": 0, "block_duration_seconds": 7},
            "on_connection_error": {"strategy": "different_provider", "max_attempts": 4},
            "on_high_latency": {
                "threshold_ms": 1500,
                "measure": "total",
                "strategy": "different_provider",
                "max_attempts": 5,
                "block_duration_seconds": 60,
                "scope": "provider",
                "apply_to": "request",
                "min_triggers": 3,
                "trigger_window_seconds": 30,
            },
            "backoff": {"apply_to": "same_model", "base_ms": 1, "max_ms": 2, "jitter": False},
            "retry_after_handling": {
                "scope": "endpoint",
                "apply_to": "request",
                "max_retry_after_seconds": 10,
                "max_wait_seconds": 1,
            },
            "max_retry_duration_ms": 9000,
            "max_total_attempts": 50,
            "second_round": {"rounds": 5, "delay_ms": 0},
            "repeat_window_ms": 500,
            "idempotency_header": "Idempotency-Key",
            "client_retries": "allow",
        }
    )
    backoff = Backoff(Reach.SAME_MODEL, 1, 2, Jitter.NONE)

    assert found == Policy(
        default=Rule("default", SIBLING, 0, backoff),
        fallback_models=(TargetId(S),),
        candidate_order=CandidateOrder.RANDOM,
        on_status={429: Rule("on_status_codes[0]", SAME, 1, backoff)},
        on_timeout=Rule("on_timeout", SAME, 3, backoff),
        on_connection_error=Rule("on_connection_error", OTHER, 4, backoff),
        attempt_timeout=0,
        timeout_block=7000,
        high_latency=HighLatency(
            1500, Measure.TOTAL, OTHER, 5, 60_000, Scope.PROVIDER, Lifetime.REQUEST, min_triggers=3, window=30_000
        ),
        retry_after=RetryAfterHandling(Scope.ENDPOINT, Lifetime.REQUEST, 10_000, 1000),
        max_duration=9000,
        max_total_attempts=50,
        rounds=5,
        round_delay=0,
        repeat_window=500,
        idempotency_header="idempotency-key",
        discourage_client_retries=False,
    )


def test_the_first_entry_that_lists_a_code_wins() -> None:
    """Ranges include both their ends."""
    found = policy({"on_status_codes": [{"codes": [429, "502-504"]}, {"codes": ["500-503"], "max_attempts": 1}]})
    first, second = Rule("on_status_codes[0]", OTHER, 2), Rule("on_status_codes[1]", OTHER, 1)

    assert found.on_status == {429: first, 500: second, 501: second, 502: first, 503: first, 504: first}


def test_an_entry_says_only_what_differs_from_the_default() -> None:
    found = policy(
        {
            "default_strategy": "same_provider",
            "default_max_attempts": 7,
            "on_status_codes": [{"codes": [429], "strategy": "same_model"}, {"codes": [503], "max_attempts": 0}],
        }
    )

    assert found.on_status == {
        429: Rule("on_status_codes[0]", SAME, 7),
        503: Rule("on_status_codes[1]", SIBLING, 0),
    }


def test_an_entrys_own_backoff_wins_over_the_policys() -> None:
    found = policy(
        {
            "on_status_codes": [{"codes": [429], "backoff": {"apply_to": "global"}}, {"codes": [503]}],
            "backoff": {"apply_to": "same_provider"},
        }
    )

    assert [found.on_status[429].backoff, found.on_status[503].backoff, found.default.backoff] == [
        Backoff(Reach.GLOBAL),
        Backoff(Reach.SAME_PROVIDER),
        Backoff(Reach.SAME_PROVIDER),
    ]


@pytest.mark.parametrize("key", ["on_timeout", "on_connection_error"])
@pytest.mark.parametrize(
    ("table", "rule"),
    [
        ({}, None),
        ({"strategy": "same_model"}, (SAME, 4)),
        ({"max_attempts": 1}, (SIBLING, 1)),
    ],
)
def test_timeouts_and_connection_errors_have_a_rule_once_they_are_configured(
    key: str, table: dict[str, object], rule: tuple[Strategy, int] | None
) -> None:
    """Else they are charged to the default rule, together with all that it is charged with."""
    found = policy({"default_strategy": "same_provider", "default_max_attempts": 4, key: table})
    rules = {"on_timeout": found.on_timeout, "on_connection_error": found.on_connection_error}

    assert rules[key] == (None if rule is None else Rule(key, *rule))


def test_a_time_limit_alone_makes_no_rule() -> None:
    found = policy({"on_timeout": {"after_ms": 250, "block_duration_seconds": 0}})

    assert (found.on_timeout, found.attempt_timeout, found.timeout_block) == (None, 250, 0)


def test_slow_responses_follow_the_default_rule_unless_told_otherwise() -> None:
    assert policy({"default_max_attempts": 3, "on_high_latency": {"threshold_ms": 2000}}).high_latency == HighLatency(
        2000, Measure.TTFB, OTHER, 3
    )


@pytest.mark.parametrize(
    ("jitter", "kind"),
    [
        (True, Jitter.EQUAL),
        (False, Jitter.NONE),
        ("equal", Jitter.EQUAL),
        ("full", Jitter.FULL),
        ("decorrelated", Jitter.DECORRELATED),
    ],
)
def test_kinds_of_jitter(jitter: object, kind: Jitter) -> None:
    found = policy({"backoff": {"apply_to": "global", "jitter": jitter}})

    assert found.default.backoff == Backoff(Reach.GLOBAL, jitter=kind)


def test_fallbacks_are_models_that_are_configured_each_once() -> None:
    """A fallback may be called by its configured name; what is not configured cannot be reached."""
    found = policy(
        {"fallback_models": ["my/claude", "xai/grok", S, "openai/mini"]},
        a_provider(S, name="my/claude"),
        a_provider("openai/mini"),
        a_provider("xai/*"),
    )

    assert found.fallback_models == (TargetId(S), TargetId("openai/mini"))


def test_a_wildcard_may_have_a_policy() -> None:
    """It governs every request for a model that only the wildcard knows."""
    catalog = gateway(a_file(a_provider("openai/*", retry_policy={}))).catalog
    found = catalog.find("openai/gpt-9")

    assert found is not None
    assert catalog.policy_of(found) == Policy(default=Rule("default"))


def test_the_longest_hold_is_the_longest_wait_of_any_policy() -> None:
    """Envoy waits for us at least that long."""
    quick = {"retry_after_handling": {"max_wait_seconds": 1}, "second_round": {"delay_ms": 700}}
    slow = {**quick, "on_status_codes": [{"codes": [429], "backoff": {"apply_to": "global", "max_ms": 90_000}}]}
    late = {**quick, "second_round": {"delay_ms": 5000}}

    assert gateway(a_file()).longest_hold == 0
    assert gateway(with_policy({})).longest_hold == 60_000
    assert gateway(with_policy(quick)).longest_hold == 1000
    assert gateway(with_policy(slow)).longest_hold == 90_000
    assert gateway(with_policy(late)).longest_hold == 5000
    assert gateway(with_policy({**late, "second_round": {"rounds": 1, "delay_ms": 5000}})).longest_hold == 1000
