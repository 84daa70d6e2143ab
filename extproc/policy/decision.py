"""The decisions of the engine."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from extproc.policy.outcome import Kind
from extproc.value import value

if TYPE_CHECKING:
    from extproc.policy.attempt_state import AttemptState, FailedAttempt
    from extproc.policy.target import TargetId
    from extproc.policy.units import Millis


class StopReason(StrEnum):
    """Why no further attempt is made for a request that has not succeeded."""

    RULE_SPENT = "rule_spent"  # the rule of the last failure was charged more often than its max_attempts
    TOTAL_SPENT = "total_spent"  # max_total_attempts
    BUDGET_SPENT = "budget_spent"  # max_retry_duration_ms is over, or every wait would cross it
    DEADLINE = "deadline"  # the listener's timeout is over, or every wait would cross it
    WAIT_TOO_LONG = "wait_too_long"  # what is left is blocked by Retry-After for longer than max_wait_seconds
    NO_CANDIDATE = "no_candidate"  # every candidate was tried
    REPEATED = "repeated"  # the same request has just been exhausted: no target was called again


@value
class Try:
    """Make the attempt that `state.next` describes."""

    state: AttemptState


@value
class Deliver:
    """Pass the response on to the client as it is.

    *state* includes what was recorded of the response.
    """

    state: AttemptState


@value
class Exhausted:
    """Nothing more is tried.

    *failures* is empty when everything was blocked before the first attempt. *primary* is the target that the request
    names. *shortest_block* is how long it is until the first of the blocks by Retry-After ends, in milliseconds; None
    when none is blocked by Retry-After. *default_retry_after* is how long to wait before the same request is worth
    repeating where no provider has said so, in milliseconds. Of a repeated request, *failures* are those of the one
    before, and *default_retry_after* is what is left.
    """

    reason: StopReason
    failures: tuple[FailedAttempt, ...]
    shortest_block: Millis | None = None
    primary: TargetId = field(kw_only=True)
    default_retry_after: Millis = field(default=2000, kw_only=True)

    @property
    def retry_after(self) -> Millis | None:
        """How long to wait before the same request is worth repeating; None where repeating it cannot help."""
        if self.reason is StopReason.REPEATED:
            return self.default_retry_after
        known = self._known_wait
        if known is not None:
            return known
        return self.default_retry_after if self.decisive is not None and self.decisive.outcome.passing else None

    @property
    def is_asked_for(self) -> bool:
        """Whether that wait is a provider's, and not our guess."""
        return self.reason is not StopReason.REPEATED and self._known_wait is not None

    @property
    def _known_wait(self) -> Millis | None:
        return self.observed_retry_after if self.shortest_block is None else self.shortest_block

    @property
    def attempts(self) -> tuple[FailedAttempt, ...]:
        """The attempts that this very request has made."""
        return () if self.reason is StopReason.REPEATED else self.failures

    @property
    def decisive(self) -> FailedAttempt | None:
        """The failure that the client is shown for all: the last one, but for those of unfit targets.

        Where an unfit target came last, it is the primary's last failure, else any fit target's; None without any.
        """
        last = self.failures[-1] if self.failures else None
        if last is None or last.outcome.kind is not Kind.UNFIT:
            return last
        fit = [failure for failure in self.failures if failure.outcome.kind is not Kind.UNFIT]
        of_primary = [failure for failure in fit if failure.target == self.primary]
        return next(reversed(of_primary or fit), None)

    @property
    def observed_retry_after(self) -> Millis | None:
        """The longest wait that a provider asked for in this request; None when none did."""
        waits = [f.outcome.retry_after for f in self.attempts if f.outcome.retry_after is not None]
        return max(waits, default=None)


Decision: TypeAlias = Try | Deliver | Exhausted
