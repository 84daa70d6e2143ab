"""What is known of an attempt from its request headers on, and of all attempts before there is any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.exchange.attempt_record import AttemptRecord
from extproc.exchange.client_errors.exhausted import exhausted_response
from extproc.value import value

if TYPE_CHECKING:
    from extproc.exchange.attempt_record import Result
    from extproc.exchange.events import ImmediateResponse
    from extproc.exchange.upstream import Upstreams
    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.decision import Decision, Exhausted, StopReason
    from extproc.policy.engine import Engine
    from extproc.policy.outcome import Outcome
    from extproc.policy.rules import Policy
    from extproc.policy.target import Api, TargetId
    from extproc.policy.units import Instant, Millis, Rng


@value
class Exchange:
    """What all attempts share."""

    engine: Engine
    upstreams: Upstreams
    timeout: Millis  # the listener's: from the first attempt on
    max_body: int  # bytes


@value
class AttemptContext:
    """What stays the same from an attempt's request headers to the end of its stream; made once for each.

    *operation* is the request's method and path. *previous_outcome* is the outcome of the attempt before, where its own
    stream could not report it.
    """

    exchange: Exchange
    rng: Rng
    request_id: str
    api: Api
    operation: str
    previous_outcome: str = ""

    def decision_after(self, state: AttemptState, outcome: Outcome, duration: Millis, *, now: Instant) -> Decision:
        """Return what follows the attempt `state.next`, which ended in *outcome* after *duration*."""
        return self.exchange.engine.after(
            state, outcome, self.api, duration=duration, now=now, rng=self.rng, resource=self.operation
        )

    def exhausted(self, exhausted: Exhausted, policy: Policy | None) -> ImmediateResponse:
        """Return what the client gets when no further attempt is made under *policy*."""
        return exhausted_response(
            exhausted,
            self.api,
            request_id=self.request_id,
            discourage_retries=policy is not None and policy.discourage_client_retries,
        )

    def record(
        self,
        result: Result,
        state: AttemptState | None,
        *,
        outcome: Outcome | None = None,
        status: int | None = None,
        ttfb: Millis | None = None,
        total: Millis | None = None,
        stop_reason: StopReason | None = None,
        next_target: TargetId | None = None,
        envoy_details: str = "",
    ) -> AttemptRecord:
        """Return the record of the attempt `state.next` (None: there is none yet)."""
        attempt = None if state is None else state.next
        return AttemptRecord(
            self.request_id,
            self.api,
            1 if state is None else state.attempts_made + 1,
            result,
            None if attempt is None else attempt.target,
            0 if attempt is None else attempt.key,
            None if attempt is None else attempt.reason,
            0 if attempt is None else attempt.waited,
            "" if outcome is None else outcome.label,
            outcome.status if status is None and outcome is not None else status,
            ttfb,
            total,
            stop_reason,
            next_target,
            envoy_details,
            self.previous_outcome,
        )
