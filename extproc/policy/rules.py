"""The rules of one target's policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.policy.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.policy.backoff import Backoff
    from extproc.policy.outcome import Outcome
    from extproc.policy.target import TargetId
    from extproc.policy.units import Millis


class Strategy(StrEnum):
    """Where the next attempt may go, relative to the target that has just failed."""

    SAME_MODEL = "same_model"
    SAME_PROVIDER = "same_provider"
    DIFFERENT_PROVIDER = "different_provider"


class CandidateOrder(StrEnum):
    """Order among configured models that `fallback_models` does not name."""

    RANDOM = "random"
    ROUND_ROBIN = "round_robin"
    PRIORITY = "priority"


class Scope(StrEnum):
    """How much of a provider a block covers."""

    MODEL = "model"
    PROVIDER = "provider"
    ENDPOINT = "endpoint"


class Lifetime(StrEnum):
    """Whether a block outlives the request that saw its cause."""

    REQUEST = "request"
    GLOBAL = "global"


class Measure(StrEnum):
    """What of a response is timed."""

    TTFB = "ttfb"  # request sent to response headers
    TOTAL = "total"  # request sent to end of response


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done about one class of failures; every failure is charged to its rule.

    *max_attempts* counts retries: a rule charged more often than that ends the request.
    """

    name: str  # place in the policy: "on_status_codes[0]", "on_timeout", "default"
    strategy: Strategy = Strategy.DIFFERENT_PROVIDER
    max_attempts: int = 2
    backoff: Backoff | None = None


@dataclass(frozen=True, slots=True)
class HighLatency:
    """When slow responses deprioritize their target."""

    threshold: Millis
    measure: Measure
    strategy: Strategy
    max_attempts: int
    block: Millis = 300_000
    scope: Scope = Scope.MODEL
    apply_to: Lifetime = Lifetime.GLOBAL
    min_triggers: int = 1
    window: Millis = 60_000


@dataclass(frozen=True, slots=True)
class RetryAfterHandling:
    """What a provider's Retry-After blocks, and for how long at the most."""

    scope: Scope = Scope.MODEL
    apply_to: Lifetime = Lifetime.GLOBAL
    cap: Millis = 300_000  # max_retry_after_seconds
    max_wait: Millis = 60_000  # longest wait on one target


@dataclass(frozen=True, slots=True)
class Policy:
    """The compiled retry_policy of one target; it governs every request whose primary that target is."""

    default: Rule
    fallback_models: tuple[TargetId, ...] = ()
    candidate_order: CandidateOrder = CandidateOrder.PRIORITY
    on_status: Mapping[int, Rule] = field(default_factory=lambda: MappingProxyType({}))
    on_timeout: Rule | None = None  # None: the default rule, charged together with it
    on_connection_error: Rule | None = None  # the same
    attempt_timeout: Millis = 30_000  # on_timeout.after_ms; 0: off
    timeout_block: Millis = (
        30_000  # on_timeout.block_duration_seconds: how long a target is deprioritized after a timeout; 0: not at all
    )
    high_latency: HighLatency | None = None
    retry_after: RetryAfterHandling = RetryAfterHandling()
    max_duration: Millis | None = None  # max_retry_duration_ms, counted from the first failure
    max_total_attempts: int = 10
    rounds: int = 2
    round_delay: Millis = 500
    repeat_window: Millis = 2000  # how long an exhausted request is not tried again; 0: always tried
    idempotency_header: str | None = None
    discourage_client_retries: bool = True

    @property
    def when_deprioritized(self) -> Strategy:
        """The strategy in place of a primary that is deprioritized, be it after slow responses or a timeout."""
        return (self.high_latency or self.on_timeout or self.default).strategy

    def rule_for(self, outcome: Outcome) -> Rule:
        """Return the rule that a failure with this outcome is charged to."""
        match outcome.kind:
            case Kind.HTTP:
                return self.on_status.get(outcome.status, self.default)
            case Kind.TIMEOUT:
                return self.on_timeout or self.default
            case Kind.CONNECTION_ERROR:
                return self.on_connection_error or self.default
            case Kind.HIGH_LATENCY if self.high_latency is not None:
                slow = self.high_latency
                return Rule("on_high_latency", slow.strategy, slow.max_attempts, self.default.backoff)
            case _:
                return self.default
