"""The schema of `retry_policy`."""

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from extproc.config.reading.environment import FromEnvironment
from extproc.config.schema.header_fields import HeaderName
from extproc.config.schema.scalars import (
    CandidateOrderName,
    Codes,
    Given,
    LifetimeName,
    MeasureName,
    NonNegative,
    Positive,
    RepeatWindow,
    Rounds,
    ScopeName,
    StrategyName,
    TotalAttempts,
)
from extproc.policy.backoff import Jitter, Reach
from extproc.policy.rules import CandidateOrder, Lifetime, Measure, Scope


class Table(BaseModel):
    """A mapping in the file: unknown keys are rejected, types are strict, errors quote no value."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


def _jitter(value: object) -> Jitter:
    if isinstance(value, FromEnvironment) and value.lower() in {"true", "false"}:
        value = value.lower() == "true"
    if isinstance(value, bool):
        return Jitter.EQUAL if value else Jitter.NONE
    if isinstance(value, str) and value in {"full", "equal", "decorrelated"}:
        return Jitter(value)
    raise ValueError("expected true, false, full, equal or decorrelated")


def _narrow(value: Scope) -> Scope:
    if value is Scope.ENDPOINT:
        raise ValueError("expected one of model, provider")
    return value


JitterName = Annotated[
    Jitter,
    PlainValidator(_jitter),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": ["full", "equal", "decorrelated"]}]}),
]
ReachName = Annotated[Reach, Strict(strict=False)]
NarrowScope = Annotated[ScopeName, AfterValidator(_narrow), WithJsonSchema({"enum": ["model", "provider"]})]


def _fallback(value: str) -> str:
    if re.fullmatch(r"[^/\s]+/\S+", value) is None:
        raise ValueError("expected provider/model")
    return value


FallbackModel = Annotated[
    str, AfterValidator(_fallback), WithJsonSchema({"type": "string", "pattern": r"^[^/\s]+/\S+$"})
]


class BackoffTable(Table):
    """The delay between attempts without a Retry-After."""

    apply_to: ReachName
    base_ms: Positive = 100
    max_ms: Positive = Field(5000, validate_default=True)
    jitter: JitterName = Field(Jitter.EQUAL, json_schema_extra={"default": True})

    @field_validator("max_ms")
    @classmethod
    def _above_base(cls, value: int, info: ValidationInfo) -> int:
        base = info.data.get("base_ms")
        if base is not None and value <= base:
            raise ValueError("must be greater than base_ms")
        return value


class StatusCodesTable(Table):
    """The rule for a list of status codes."""

    codes: Annotated[list[Codes], Field(min_length=1)]
    strategy: Annotated[StrategyName | None, Given] = None
    max_attempts: Annotated[NonNegative | None, Given] = None
    backoff: Annotated[BackoffTable | None, Given] = None


class TimeoutTable(Table):
    """The rule for attempts that time out: the timeout, the retry, and how long the target is deprioritized."""

    strategy: Annotated[StrategyName | None, Given] = None
    max_attempts: Annotated[Positive | None, Given] = None
    after_ms: NonNegative = 30_000
    block_duration_seconds: NonNegative = 30


class ConnectionErrorTable(Table):
    """The rule for refused and reset connections."""

    strategy: Annotated[StrategyName | None, Given] = None
    max_attempts: Annotated[NonNegative | None, Given] = None


class HighLatencyTable(Table):
    """When slow responses deprioritize their target."""

    threshold_ms: Positive
    measure: MeasureName = Measure.TTFB
    strategy: Annotated[StrategyName | None, Given] = None
    max_attempts: Annotated[Positive | None, Given] = None
    block_duration_seconds: Positive = 300
    scope: NarrowScope = Scope.MODEL
    apply_to: LifetimeName = Lifetime.GLOBAL
    min_triggers: Positive = 1
    trigger_window_seconds: NonNegative = 60

    @field_validator("trigger_window_seconds")
    @classmethod
    def _window_to_count_in(cls, value: int, info: ValidationInfo) -> int:
        if value < 1 and info.data.get("min_triggers", 1) > 1:
            raise ValueError("must be at least 1: more than one trigger needs a window to count in")
        return value


class RetryAfterTable(Table):
    """The scope and the maximum of a provider's Retry-After."""

    scope: ScopeName = Scope.MODEL
    apply_to: LifetimeName = Lifetime.GLOBAL
    max_retry_after_seconds: Positive = 300
    max_wait_seconds: Positive = 60


class SecondRoundTable(Table):
    """How often to try all candidates again after transient failures."""

    rounds: Rounds = 2
    delay_ms: NonNegative = 500


class RetryPolicyTable(Table):
    """A retry policy; `{}` is all defaults."""

    fallback_models: list[FallbackModel] = []
    default_strategy: StrategyName = Field(default="different_provider", validate_default=True)
    default_max_attempts: NonNegative = 2
    candidate_order: CandidateOrderName = CandidateOrder.PRIORITY
    on_status_codes: list[StatusCodesTable] = []
    on_timeout: TimeoutTable = TimeoutTable()
    on_connection_error: ConnectionErrorTable = ConnectionErrorTable()
    on_high_latency: Annotated[HighLatencyTable | None, Given] = None
    backoff: Annotated[BackoffTable | None, Given] = None
    retry_after_handling: RetryAfterTable = RetryAfterTable()
    max_retry_duration_ms: Annotated[Positive | None, Given] = None
    max_total_attempts: TotalAttempts = 10
    second_round: SecondRoundTable = SecondRoundTable()
    repeat_window_ms: RepeatWindow = 2000
    idempotency_header: Annotated[HeaderName | None, Given] = None
    client_retries: Literal["discourage", "allow"] = "discourage"
