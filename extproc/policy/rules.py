"""The vocabulary of the rules: targets, policies, instants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NewType, TypeAlias

from extproc.policy.outcome import Kind

if TYPE_CHECKING:
    from extproc.policy.backoff import Backoff
    from extproc.policy.outcome import Outcome

Instant = NewType("Instant", int)
"""Milliseconds since the Unix epoch, read from a clock that never runs backwards."""

Millis: TypeAlias = int
"""A duration in milliseconds."""

Dice: TypeAlias = Callable[[], float]
"""A source of chance: each call gives a number in [0, 1)."""

TargetId = NewType("TargetId", str)
"""`provider/model`, as configured: unique."""


class Api(StrEnum):
    """What kind of conversation a request's path asks for."""

    CHAT = "chat"  # /v1/chat/completions
    COMPLETIONS = "completions"  # /v1/completions
    RESPONSES = "responses"  # /v1/responses
    EMBEDDINGS = "embeddings"  # /v1/embeddings
    IMAGES = "images"  # /v1/images/…
    AUDIO = "audio"  # /v1/audio/…
    MODERATIONS = "moderations"  # /v1/moderations
    MESSAGES = "messages"  # /v1/messages, Anthropic's own
    OTHER = "other"  # what else OpenAI's API has, about something that one provider keeps: never sent to another
    ANTHROPIC = "anthropic"  # the same of Anthropic's API: batches of messages, files, skills

    @property
    def of_anthropic(self) -> bool:
        """Whether it is Anthropic's API rather than OpenAI's: other credentials, other shapes of errors."""
        return self in _ANTHROPICS

    @property
    def kept(self) -> bool:
        """Whether requests are about something that only one provider has."""
        return self in _KEPT


_ANTHROPICS = frozenset({Api.MESSAGES, Api.ANTHROPIC})
_KEPT = frozenset({Api.OTHER, Api.ANTHROPIC})


class Freedom(StrEnum):
    """How far a request may go from the target that it names."""

    ANYWHERE = "anywhere"  # to any target that can serve it
    THERE = "there"  # it needs what that target's provider keeps for the owner of its first key: nobody else has it
    ONCE = "once"  # it asks for no generation: one attempt, at once, and its answer says nothing about others


class Credential(StrEnum):
    """Whose credential a target's requests carry."""

    OWN = "own"  # access_key or access_keys
    CLIENT = "client"  # passthrough_auth: the client's, as it came
    NONE = "none"  # an endpoint that asks for none
    MISSING = "missing"  # it asks for one and none is configured: never a candidate


@dataclass(frozen=True, slots=True)
class Target:
    """One configured model, as far as the rules care."""

    id: TargetId
    provider: str  # the part before the first "/"
    endpoint: str  # "scheme://host:port": what a block of scope endpoint is about
    speaks: frozenset[Api]
    credential: Credential = Credential.OWN
    keys: int = 1  # how many access keys take turns; 0 unless credential is OWN
    wildcard: bool = False  # stands for, or was made from, "provider/*": never a candidate

    @property
    def entry(self) -> str:
        """What it is configured as: models that clients name share their wildcard's keys, and whose turn it is."""
        return f"{self.provider}/*" if self.wildcard else self.id


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
    """What of an answer is timed."""

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
    """When a slow answer makes its target be avoided."""

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
        30_000  # on_timeout.block_duration_seconds: how long who timed out is avoided; 0: not at all
    )
    high_latency: HighLatency | None = None
    retry_after: RetryAfterHandling = RetryAfterHandling()
    max_duration: Millis | None = None  # max_retry_duration_ms, counted from the first failure
    max_total_attempts: int = 10
    rounds: int = 2
    round_delay: Millis = 500
    repeat_window: Millis = 2000  # how long a request that everybody has failed is not sent again; 0: always sent
    idempotency_header: str | None = None
    discourage_client_retries: bool = True

    @property
    def when_avoided(self) -> Strategy:
        """Who is asked instead of a primary that is avoided, be it for its slowness or for a timeout."""
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
