"""The phases of an attempt's response: its headers, sometimes its body, and what follows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from extproc.exchange.attempt_record import Result
from extproc.exchange.classify import is_local_reply, needs_body, outcome_of
from extproc.exchange.client_errors.exhausted import BAD_GATEWAY
from extproc.exchange.delivery import delivered
from extproc.exchange.events import (
    BodyOverdue,
    ContinueProcessing,
    ReadResponseBody,
    Redispatch,
    ResponseBody,
    ResponseHeaders,
)
from extproc.exchange.phase import Ended, unexpected
from extproc.policy.decision import Deliver, Exhausted, Try
from extproc.value import value

if TYPE_CHECKING:
    from extproc.exchange.attempt_context import AttemptContext
    from extproc.exchange.attempt_record import AttemptRecord
    from extproc.exchange.events import Directive, Event
    from extproc.exchange.in_flight import InFlight
    from extproc.exchange.phase import Phase
    from extproc.policy.rules import Policy
    from extproc.policy.units import Instant, Millis

BODY_TIMEOUT: Millis = 250
"""How long the body of an error may take after its headers. It is short, and on its way already."""


@value
class AwaitingResponse:
    """The attempt is *sent*, under *policy* (None: whatever comes is delivered)."""

    context: AttemptContext
    sent: InFlight
    policy: Policy | None

    def receive(self, event: Event, now: Instant) -> tuple[Directive, Phase]:
        """Decide by the response's headers, or ask for its body where only that says what they mean."""
        if not isinstance(event, ResponseHeaders):
            raise unexpected(event, expected="response headers")
        context, sent, policy = self.context, self.sent, self.policy
        if not needs_body(event, policy):
            return _decide(self, event, b"", now)
        outcome = outcome_of(event, policy, limit=sent.limit, now=now)
        context.exchange.engine.record_retry_after(sent.state, outcome, context.api, now=now, rng=context.rng)
        known = replace(sent, outcome=outcome, duration=sent.lasted(now))
        return ReadResponseBody(known, BODY_TIMEOUT), AwaitingResponseBody(
            AwaitingResponse(context, known, policy), event
        )

    def finish(self, now: Instant) -> AttemptRecord:
        """Return that the client has gone."""
        return self.context.record(Result.ABANDONED, self.sent.state, total=max(0, now - self.sent.sent))


@value
class AwaitingResponseBody:
    """The response's *headers* are there, and what they say of it is in what the *attempt* has sent."""

    attempt: AwaitingResponse
    headers: ResponseHeaders

    def receive(self, event: Event, now: Instant) -> tuple[Directive, Phase]:
        """Decide by all that is known; a response that goes to the client anyway may take its time."""
        match event:
            case ResponseBody(body=body):
                return _decide(self.attempt, self.headers, body, now)
            case BodyOverdue() if self.attempt.sent.is_final:
                return ContinueProcessing(), self
            case BodyOverdue():
                return _decide(self.attempt, self.headers, None, now)
            case _:
                raise unexpected(event, expected="response body")

    def finish(self, now: Instant) -> AttemptRecord:
        """Return that the response broke off."""
        sent = self.attempt.sent
        return self.attempt.context.record(
            Result.UNDECIDED, sent.state, outcome=sent.outcome, ttfb=sent.duration, total=max(0, now - sent.sent)
        )


def _decide(
    attempt: AwaitingResponse, headers: ResponseHeaders, body: bytes | None, now: Instant
) -> tuple[Directive, Phase]:
    """Decide on a response whose *body* is known as far as it was needed; None: it is overdue."""
    context, sent, policy = attempt.context, attempt.sent, attempt.policy
    duration = sent.lasted(now)
    outcome = outcome_of(headers, policy, limit=sent.limit, now=now, body=body or b"")
    decision = context.decision_after(sent.state, outcome, duration, now=now)
    details = headers.details if is_local_reply(headers) else ""
    match decision:
        case Deliver(state=state):
            directive = delivered(
                headers, state, outcome, context.api, request_id=context.request_id, overdue=body is None
            )
            return directive, Ended(
                context,
                Result.DELIVERED,
                sent.state,
                sent,
                outcome,
                ttfb=duration,
                envoy_details=details,
                delivered=state,
            )
        case Try(state=state):
            return Redispatch(BAD_GATEWAY if outcome.redirects else headers.status, state), Ended(
                context,
                Result.REDISPATCHED,
                sent.state,
                sent,
                outcome,
                ttfb=duration,
                next_target=state.next.target,
                envoy_details=details,
            )
        case Exhausted(reason=reason):
            return context.exhausted(decision, policy), Ended(
                context,
                Result.EXHAUSTED,
                sent.state,
                sent,
                outcome,
                ttfb=duration,
                stop_reason=reason,
                envoy_details=details,
            )
        case _:
            assert_never(decision)
