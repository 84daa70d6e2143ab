"""Values for tests, with defaults for all that a test is not about."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.policy.attempt_state import AttemptState, NextAttempt, Reason
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.catalog import Catalog
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.rules import HighLatency, Measure, Policy, Rule, Strategy
from extproc.policy.target import Api, Credential, Target, TargetId
from extproc.policy.units import Instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extproc.policy.units import Millis, Rng

NOW = Instant(1_800_000_000_000)
"""The instant at which tests begin."""

P = TargetId("openai/gpt-4o")
"""The primary of most requests."""

P2 = TargetId("openai/gpt-4o-mini")
"""Another model of the primary's provider."""

S = TargetId("anthropic/claude-3-5-sonnet")
"""The secondary: a model of another provider."""

T = TargetId("mistral/mistral-large")
"""The third: a model of a third provider."""

SUCCESS = Outcome(Kind.SUCCESS, 200)
CONNECTION_ERROR = Outcome(Kind.CONNECTION_ERROR, 502)
TIMEOUT = Outcome(Kind.TIMEOUT, 504, limit=60_000)


def after(wait: Millis, *, now: Instant = NOW) -> Instant:
    """Return the instant *wait* milliseconds from *now*."""
    return Instant(now + wait)


def http(status: int, retry_after: Millis | None = None) -> Outcome:
    """Return the outcome of a response that may be retried."""
    return Outcome(Kind.HTTP, status, retry_after)


def final(status: int, retry_after: Millis | None = None) -> Outcome:
    """Return the outcome of a response that is delivered as it is."""
    return Outcome(Kind.FINAL, status, retry_after)


def always(number: float) -> Rng:
    """Return a random source that always yields *number*."""
    return lambda: number


HALF = always(0.5)
"""The random source of tests that are not about randomness."""


def a_target(
    target: str = P,
    *,
    endpoint: str | None = None,
    apis: Iterable[Api] = (Api.CHAT, Api.OTHER),
    credential: Credential = Credential.OWN,
    keys: int = 1,
    wildcard: bool = False,
) -> Target:
    """Return a target at an endpoint of its provider's own."""
    provider = target.partition("/")[0]
    return Target(
        TargetId(target),
        provider,
        f"https://{provider}.test:443" if endpoint is None else endpoint,
        frozenset(apis),
        credential,
        keys,
        wildcard,
    )


def a_rule(
    name: str = "default",
    strategy: Strategy = Strategy.DIFFERENT_PROVIDER,
    max_attempts: int = 2,
) -> Rule:
    """Return a rule without back-off."""
    return Rule(name, strategy, max_attempts)


a_policy = partial(Policy, default=a_rule())
"""A policy: what an empty `retry_policy` means, but for what is given."""

a_high_latency = partial(
    HighLatency,
    threshold=1000,
    measure=Measure.TTFB,
    strategy=Strategy.DIFFERENT_PROVIDER,
    max_attempts=2,
)
"""What an `on_high_latency` with a threshold of a second means."""


def on_status(rule: Rule, *codes: int) -> Mapping[int, Rule]:
    """Return the table of a policy whose on_status_codes has one entry."""
    return MappingProxyType(dict.fromkeys(codes, rule))


def a_catalog(
    *targets: str | Target,
    policy: Policy | None = None,
    default: TargetId | None = None,
    wildcards: Iterable[Target] = (),
    names: Mapping[str, TargetId] = MappingProxyType({}),
) -> Catalog:
    """Return a catalog of *targets* (by default P, S and T), each of them under *policy*."""
    known = [target if isinstance(target, Target) else a_target(target) for target in targets or (P, S, T)]
    stand_ins = {target.provider: target for target in wildcards}
    return Catalog(
        {target.id: target for target in known},
        {**{target.id: target.id for target in known}, **names},
        {} if default is None else dict.fromkeys(Api, default),
        stand_ins,
        {} if policy is None else {target.id: policy for target in (*known, *stand_ins.values())},
    )


def a_block(until: Millis = 5000, subject: str = P, kind: BlockKind = BlockKind.RETRY_AFTER) -> Block:
    """Return a block that ends *until* milliseconds from now."""
    return Block(kind, subject, after(until))


def blocked(*subjects: str, until: Millis = 30_000, kind: BlockKind = BlockKind.RETRY_AFTER) -> Blocks:
    """Return what workers know when each of *subjects* is blocked."""
    blocks = Blocks()
    for subject in subjects:
        blocks.add(a_block(until, subject, kind), now=NOW)
    return blocks


def an_engine(
    *targets: str | Target,
    policy: Policy | None = None,
    blocks: Blocks | None = None,
    wildcards: Iterable[Target] = (),
) -> Engine:
    """Return an engine for *targets* (by default P, S and T), each of them under *policy*."""
    catalog = a_catalog(*targets, policy=policy, wildcards=wildcards)
    return Engine(catalog, Blocks() if blocks is None else blocks, SlowResponses())


def a_next_attempt(
    target: TargetId = P, *, wait: Millis = 0, reason: Reason = Reason.PRIMARY, key: int = 0, now: Instant = NOW
) -> NextAttempt:
    """Return the attempt at *target* that is decided on now."""
    return NextAttempt(target, after(wait, now=now), reason, key, waited=wait)


def a_state(next_attempt: NextAttempt | None = None, *, timeout: Millis = 300_000) -> AttemptState:
    """Return the attempt state of a request that begins now, with the primary P."""
    return AttemptState(P, NOW, after(timeout), a_next_attempt() if next_attempt is None else next_attempt)
