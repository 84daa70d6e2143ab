"""A phase of an attempt: what is known by then, which events can come next, and what is done about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from extproc.exchange.events import BodyOverdue, ContinueProcessing, ResponseBody
from extproc.value import value

if TYPE_CHECKING:
    from extproc.exchange.attempt_context import AttemptContext
    from extproc.exchange.attempt_record import AttemptRecord, Result
    from extproc.exchange.events import Directive, Event
    from extproc.exchange.in_flight import InFlight
    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.decision import StopReason
    from extproc.policy.outcome import Outcome
    from extproc.policy.target import TargetId
    from extproc.policy.units import Instant, Millis


class UnexpectedEventError(Exception):
    """An event that cannot come in this phase; the stream is of no use any more."""


class Phase(Protocol):
    """One phase; a value."""

    def receive(self, event: Event, now: Instant) -> tuple[Directive, Phase]:  # pyright: ignore[reportReturnType] -- a protocol
        """Return what to do about *event*, and the phase that begins with it.

        Raises:
            UnexpectedEventError: it cannot come in this phase.
        """

    def finish(self, now: Instant) -> AttemptRecord | None:
        """Return the record of the attempt, whose stream ends in this phase; None: it never began."""


def unexpected(event: Event, *, expected: str) -> UnexpectedEventError:
    """Return what to raise about *event*."""
    return UnexpectedEventError(f"expected {expected}, got {type(event).__name__}")


@value
class Ended:
    """All is decided; only the stream's end is waited for.

    *state* is that of the attempt (None: there was none yet), *sent* when and how it was made (None: it was not),
    *delivered* the state of one whose response goes to the client.
    """

    context: AttemptContext
    result: Result
    state: AttemptState | None
    sent: InFlight | None = None
    outcome: Outcome | None = None
    status: int | None = None
    ttfb: Millis | None = None
    stop_reason: StopReason | None = None
    next_target: TargetId | None = None
    envoy_details: str = ""
    delivered: AttemptState | None = None

    def receive(self, event: Event, now: Instant) -> tuple[Directive, Phase]:  # noqa: ARG002 - as every phase
        """Let the body of a response go on: Envoy may be configured to show every one."""
        if isinstance(event, ResponseBody | BodyOverdue):
            return ContinueProcessing(), self
        raise unexpected(event, expected="end of stream")

    def finish(self, now: Instant) -> AttemptRecord:
        """Return the record; how long a delivered response has taken is known only now."""
        total = None if self.sent is None else max(0, now - self.sent.sent)
        if self.delivered is not None and total is not None:
            context = self.context
            context.exchange.engine.record_end(self.delivered, duration=total, now=now, rng=context.rng)
        return self.context.record(
            self.result,
            self.state,
            outcome=self.outcome,
            status=self.status,
            ttfb=self.ttfb,
            total=total,
            stop_reason=self.stop_reason,
            next_target=self.next_target,
            envoy_details=self.envoy_details,
        )
