"""Compiling a `retry_policy` into a `Policy`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.policy.backoff import Backoff
from extproc.policy.rules import HighLatency, Policy, RetryAfterHandling, Rule
from extproc.policy.target import TargetId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.schema.retry_policy import (
        BackoffTable,
        ConnectionErrorTable,
        RetryAfterTable,
        RetryPolicyTable,
        StatusCodesTable,
        TimeoutTable,
    )

_SECOND = 1000


def compile_policy(table: RetryPolicyTable, models: Mapping[str, str]) -> Policy:
    """Return the policy that *table* describes; *models* maps ids and names to the ids of configured models.

    Fallbacks that are not configured are ignored, with a warning: they have no endpoint.

    Raises:
        ValueError: a value that the policy's constructors reject.
    """
    backoff = _backoff(table.backoff)
    default = Rule("default", table.default_strategy, table.default_max_attempts, backoff)
    fallbacks = dict.fromkeys(TargetId(models[name]) for name in table.fallback_models if name in models)
    return Policy(
        default=default,
        fallback_models=tuple(fallbacks),
        candidate_order=table.candidate_order,
        on_status=_on_status(table.on_status_codes, default),
        on_timeout=_own_rule("on_timeout", table.on_timeout, default),
        on_connection_error=_own_rule("on_connection_error", table.on_connection_error, default),
        attempt_timeout=table.on_timeout.after_ms,
        timeout_block=table.on_timeout.block_duration_seconds * _SECOND,
        high_latency=_high_latency(table, default),
        retry_after=_retry_after(table.retry_after_handling),
        max_duration=table.max_retry_duration_ms,
        max_total_attempts=table.max_total_attempts,
        rounds=table.second_round.rounds,
        round_delay=table.second_round.delay_ms,
        repeat_window=table.repeat_window_ms,
        idempotency_header=table.idempotency_header,
        discourage_client_retries=table.client_retries == "discourage",
    )


def _backoff(table: BackoffTable | None) -> Backoff | None:
    return None if table is None else Backoff(table.apply_to, table.base_ms, table.max_ms, table.jitter)


def _rule(
    name: str,
    table: StatusCodesTable | TimeoutTable | ConnectionErrorTable,
    default: Rule,
    backoff: Backoff | None,
) -> Rule:
    return Rule(
        name,
        default.strategy if table.strategy is None else table.strategy,
        default.max_attempts if table.max_attempts is None else table.max_attempts,
        backoff,
    )


def _own_rule(name: str, table: TimeoutTable | ConnectionErrorTable, default: Rule) -> Rule | None:
    """Return the rule of *table*, or None if it sets neither key: then the default rule is charged."""
    if table.strategy is None and table.max_attempts is None:
        return None
    return _rule(name, table, default, default.backoff)


def _on_status(tables: list[StatusCodesTable], default: Rule) -> Mapping[int, Rule]:
    rules: dict[int, Rule] = {}
    for index, table in enumerate(tables):
        backoff = default.backoff if table.backoff is None else _backoff(table.backoff)
        rule = _rule(f"on_status_codes[{index}]", table, default, backoff)
        for codes in table.codes:
            for code in codes:
                rules.setdefault(code, rule)  # the first matching entry wins
    return MappingProxyType(rules)


def _high_latency(policy: RetryPolicyTable, default: Rule) -> HighLatency | None:
    table = policy.on_high_latency
    if table is None:
        return None
    return HighLatency(
        threshold=table.threshold_ms,
        measure=table.measure,
        strategy=default.strategy if table.strategy is None else table.strategy,
        max_attempts=default.max_attempts if table.max_attempts is None else table.max_attempts,
        block=table.block_duration_seconds * _SECOND,
        scope=table.scope,
        apply_to=table.apply_to,
        min_triggers=table.min_triggers,
        window=table.trigger_window_seconds * _SECOND,
    )


def _retry_after(table: RetryAfterTable) -> RetryAfterHandling:
    return RetryAfterHandling(
        scope=table.scope,
        apply_to=table.apply_to,
        cap=table.max_retry_after_seconds * _SECOND,
        max_wait=table.max_wait_seconds * _SECOND,
    )
