"""The phases of an attempt's request: its headers, its body, and the choice of its target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from extproc import names
from extproc.exchange.attempt_context import AttemptContext
from extproc.exchange.attempt_record import Result
from extproc.exchange.body.encoding import Undecodable
from extproc.exchange.client_errors import errors
from extproc.exchange.delivery import lost
from extproc.exchange.events import (
    ContinueProcessing,
    ImmediateResponse,
    RequestBody,
    RequestHeaders,
    ResponseHeaders,
)
from extproc.exchange.in_flight import InFlight
from extproc.exchange.local import LocalResponse, operation_or_response
from extproc.exchange.phase import Ended, unexpected
from extproc.exchange.request import primary_of, read_request
from extproc.exchange.response_phases import AwaitingResponse
from extproc.exchange.rewrite import send
from extproc.policy.decision import Exhausted, StopReason, Try
from extproc.policy.units import Instant
from extproc.value import value

if TYPE_CHECKING:
    from extproc.exchange.attempt_context import Exchange
    from extproc.exchange.attempt_record import AttemptRecord
    from extproc.exchange.events import Directive, Event, Headers
    from extproc.exchange.phase import Phase
    from extproc.exchange.request import ClientRequest
    from extproc.exchange.url.paths import Operation
    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.rules import Policy
    from extproc.policy.units import Millis, Rng


@value
class AwaitingRequestHeaders:
    """Nothing is known yet."""

    exchange: Exchange
    rng: Rng

    def receive(self, event: Event, now: Instant) -> tuple[Directive, Phase]:
        """Read the operation, and what is known of the attempts before."""
        if not isinstance(event, RequestHeaders):
            raise unexpected(event, expected="request headers")
        headers = event.headers
        operation = operation_or_response(headers, self.exchange.engine.catalog)
        context = AttemptContext(
            self.exchange,
            self.rng,
            headers.get("x-request-id", ""),
            operation.api,
            f"{headers.get(':method', '')} {headers.get(':path', '/')}",
        )
        if isinstance(operation, LocalResponse):
            return _refuse(context, operation.response, None, operation.result)
        if event.state_unreadable:
            # Which providers were called already is not known any more, so none may be called now.
            return _refuse(context, errors.state_unreadable(context.api, request_id=context.request_id), None)
        state = event.carried
        if isinstance(state, InFlight):
            charged = _charge(context, state, headers.get(names.UNPROCESSED, ""), now)
            if isinstance(charged, tuple):
                return charged
            context, state = charged.context, charged.state
        phase = AwaitingRequestBody(context, headers, operation, state)
        if event.end_of_stream:
            return phase.send(None, now)
        return ContinueProcessing(None if state is None else state.next.wait_until(now)), phase

    def finish(self, now: Instant) -> None:  # noqa: ARG002 - as every phase
        """Return that there was no attempt."""
        return


@value
class AwaitingRequestBody:
    """The headers are known, and *state* if there were attempts before this one."""

    context: AttemptContext
    headers: Headers
    operation: Operation
    state: AttemptState | None

    def receive(self, event: Event, now: Instant) -> tuple[Directive, Phase]:
        """Send the request once its body is there."""
        if isinstance(event, RequestBody):
            return self.send(event.body, now)
        if isinstance(event, ResponseHeaders):  # Envoy responds by itself while the body is still coming (413)
            context = self.context
            refusal = errors.local_reply(context.api, event.status, request_id=context.request_id)
            return _refuse(context, refusal, self.state)
        raise unexpected(event, expected="request body")

    def finish(self, now: Instant) -> AttemptRecord:  # noqa: ARG002 - as every phase
        """Return that the client has gone."""
        return self.context.record(Result.ABANDONED, self.state)

    def send(self, body: bytes | None, now: Instant) -> tuple[Directive, Phase]:
        """Send the request with that *body* (None: it has none), or refuse it."""
        context, most = self.context, self.context.exchange.max_body
        api, request_id = context.api, context.request_id
        if body is not None and len(body) > most:
            return _refuse(context, errors.body_too_large(api, most, request_id=request_id), self.state)
        request = read_request(self.headers, self.operation, body, limit=most)
        if isinstance(request, Undecodable):
            return _refuse(context, errors.body_undecodable(api, request, request_id=request_id), self.state)
        state = _state_for(context, request, self.state, now)
        if isinstance(state, _Refusal):
            return _refuse(context, state.response, self.state, state.result, state.stop_reason)
        engine = context.exchange.engine
        policy = engine.policy_of(state)
        upstream = context.exchange.upstreams.of(engine.catalog[state.next.target])
        limit = upstream.first_byte
        if limit is None and policy is not None and policy.attempt_timeout:
            limit = _attempt_timeout(context, state, policy, now)
        sent = InFlight.begun(state, limit, now=now)
        return send(request, upstream, sent, policy, now=now), AwaitingResponse(context, sent, policy)


@value
class _Charged:
    context: AttemptContext
    state: AttemptState


@value
class _Refusal:
    """Why no provider is called."""

    response: ImmediateResponse
    result: Result = Result.REFUSED
    stop_reason: StopReason | None = None


def _refuse(
    context: AttemptContext,
    response: ImmediateResponse,
    state: AttemptState | None,
    result: Result = Result.REFUSED,
    stop_reason: StopReason | None = None,
) -> tuple[Directive, Phase]:
    """Respond to the client without calling a provider."""
    return response, Ended(context, result, state, status=response.status, stop_reason=stop_reason)


def _charge(
    context: AttemptContext, attempt: InFlight, reported: str, now: Instant
) -> _Charged | tuple[Directive, Phase]:
    """Charge the attempt before this one, which no session has decided on; or end the request, if it was the last.

    *reported* is Envoy's word for what became of its response, and its details.
    """
    engine = context.exchange.engine
    response, _, details = reported.partition(" ")
    state, policy = attempt.state, engine.policy_of(attempt.state)
    outcome, duration = attempt.ended_in(response, policy), attempt.lasted(now)
    context = replace(context, previous_outcome=f"{outcome.label} ({details})" if details else outcome.label)
    if not engine.knows(state):
        return _Charged(context, state.with_failure(outcome, None, duration, now=now))
    decision = context.decision_after(state, outcome, duration, now=now)
    if isinstance(decision, Try):
        return _Charged(context, decision.state)
    ended = Ended(context, Result.DELIVERED, state, outcome=outcome, ttfb=duration)
    if isinstance(decision, Exhausted):
        ended = replace(ended, result=Result.EXHAUSTED, stop_reason=decision.reason)
        return context.exhausted(decision, policy), ended
    return lost(outcome, state, context.api, request_id=context.request_id), ended


def _state_for(
    context: AttemptContext, request: ClientRequest, carried: AttemptState | None, now: Instant
) -> AttemptState | _Refusal:
    """Return the attempt state that the attempt continues or begins, or why no provider can be called."""
    if carried is None:
        return _begin(context, request, now)
    if request.digest() != carried.body_sha256:
        return _Refusal(errors.body_mismatch(context.api, request_id=context.request_id))
    if context.exchange.engine.knows(carried):
        return carried
    # The configuration has changed between two attempts: choose again, but keep all failures.
    begun = _begin(context, request, now)
    if isinstance(begun, _Refusal):
        return begun
    return replace(
        begun,
        began=carried.began,
        deadline=max(carried.deadline, begun.next.not_before),  # a next attempt after its deadline is refused
        failures=carried.failures,
        first_failure=carried.first_failure,
    )


def _begin(context: AttemptContext, request: ClientRequest, now: Instant) -> AttemptState | _Refusal:
    """Return the state of the first attempt."""
    engine = context.exchange.engine
    primary = primary_of(request, engine.catalog)
    if isinstance(primary, ImmediateResponse):
        return _Refusal(primary)
    first = engine.first(
        primary,
        context.api,
        now=now,
        deadline=Instant(now + context.exchange.timeout),
        rng=context.rng,
        body_sha256=request.digest(),
        body_length=len(request.body or b""),
        freedom=request.freedom,
        resource=context.operation,
    )
    if isinstance(first, Exhausted):
        response = context.exhausted(first, engine.catalog.policy_of(primary))
        return _Refusal(response, Result.EXHAUSTED, first.reason)
    return first.state


def _attempt_timeout(context: AttemptContext, state: AttemptState, policy: Policy, now: Instant) -> Millis | None:
    """Return the policy's limit on the attempt; None where no other target is left once it is over."""
    may_move_on = context.exchange.engine.has_alternative(state, context.api, now=now, rng=context.rng)
    return policy.attempt_timeout if may_move_on else None
