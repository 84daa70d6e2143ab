"""The attempt state of one request: what was tried, what it cost, what comes next."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from extproc.policy.outcome import Kind
from extproc.policy.target import Freedom
from extproc.value import value

if TYPE_CHECKING:
    from extproc.policy.blocks import Block
    from extproc.policy.outcome import Outcome
    from extproc.policy.target import TargetId
    from extproc.policy.units import Instant, Millis

_NONE: frozenset[TargetId] = frozenset()


class Reason(StrEnum):
    """Why an attempt went to its target."""

    PRIMARY = "primary"  # the request names it, or it is the default
    PRIMARY_BLOCKED = "primary_blocked"  # the primary must not be used yet
    SAME_MODEL = "same_model"
    SAME_PROVIDER = "same_provider"
    DIFFERENT_PROVIDER = "different_provider"
    NEXT_KEY = "next_key"  # the same target with its next access key
    NEXT_ROUND = "next_round"  # every candidate failed: once more from the primary
    LAST_RESORT = "last_resort"  # nothing but blocked targets is left


@value
class NextAttempt:
    """The next attempt: its target and key, its earliest time, and the reason for it."""

    target: TargetId
    not_before: Instant
    reason: Reason
    key: int = 0
    waited: Millis = 0  # length of the wait that not_before ends; 0: at once

    def wait_until(self, now: Instant) -> Instant | None:
        """Return the earliest time of the attempt; None when that time has come."""
        return self.not_before if self.not_before > now else None


@value
class FailedAttempt:
    """One attempt that failed."""

    target: TargetId
    outcome: Outcome
    rule: str | None  # the rule it is charged to; None: free (another key came next, or the target was unfit)
    key: int = 0
    waited: Millis = 0
    duration: Millis = 0  # request sent to failure known

    @property
    def provider(self) -> str:
        """The provider that failed."""
        return self.target.partition("/")[0]

    @property
    def error_type(self) -> str:
        """Name of the failure as clients and logs see it."""
        if self.outcome.kind is Kind.HIGH_LATENCY:
            return f"high_latency_{self.duration}ms_threshold_{self.outcome.limit}ms"
        return self.outcome.label


@value
class AttemptState:
    """What survives from one attempt to the next; a value, never changed in place.

    Whatever can be derived from *failures* is not stored a second time.
    """

    primary: TargetId
    began: Instant
    deadline: Instant  # the listener's timeout: no wait may cross it
    next: NextAttempt
    failures: tuple[FailedAttempt, ...] = ()
    first_failure: Instant | None = None  # max_retry_duration_ms counts from here
    round: int = 1
    round_start: int = 0  # failures before this index belong to earlier rounds
    blocks: tuple[Block, ...] = ()  # of lifetime request
    slow: tuple[TargetId, ...] = ()  # targets whose slowness this request has already reported
    body_sha256: bytes = b""
    body_length: int = 0
    freedom: Freedom = Freedom.ANYWHERE

    @property
    def attempts_made(self) -> int:
        """Number of attempts that have ended."""
        return len(self.failures)

    @property
    def this_round(self) -> tuple[FailedAttempt, ...]:
        """The failures since the round began."""
        return self.failures[self.round_start :]

    @property
    def tried(self) -> frozenset[TargetId]:
        """The targets that have failed in this round."""
        return _NONE if not self.failures else frozenset([failure.target for failure in self.this_round])

    @property
    def unfit(self) -> frozenset[TargetId]:
        """The targets that cannot serve this request, in whichever round they have said so."""
        return (
            _NONE
            if not self.failures
            else frozenset([failure.target for failure in self.failures if failure.outcome.kind is Kind.UNFIT])
        )

    def charged(self, rule: str) -> int:
        """Return how often *rule* was charged in this request."""
        return sum(failure.rule == rule for failure in self.failures)

    def with_failure(self, outcome: Outcome, rule: str | None, duration: Millis, *, now: Instant) -> AttemptState:
        """Return the attempt state with the failure of its next attempt added, charged to *rule*."""
        attempt = self.next
        failure = FailedAttempt(attempt.target, outcome, rule, attempt.key, attempt.waited, duration)
        first = now if self.first_failure is None else self.first_failure
        return self._but(attempt, (*self.failures, failure), first)

    def with_next(self, attempt: NextAttempt) -> AttemptState:
        """Return the attempt state whose next attempt is *attempt*."""
        return self._but(attempt, self.failures, self.first_failure)

    def _but(
        self, attempt: NextAttempt, failures: tuple[FailedAttempt, ...], first_failure: Instant | None
    ) -> AttemptState:
        # Field by field: `replace` takes three times as long, and this happens at every decision.
        return AttemptState(
            self.primary,
            self.began,
            self.deadline,
            attempt,
            failures,
            first_failure,
            self.round,
            self.round_start,
            self.blocks,
            self.slow,
            self.body_sha256,
            self.body_length,
            self.freedom,
        )
