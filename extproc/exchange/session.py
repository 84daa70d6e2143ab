"""One attempt: events in, directives out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from extproc import names
from extproc.exchange.attempt_record import AttemptRecord, Result, record_of
from extproc.exchange.body.encoding import Undecodable
from extproc.exchange.classify import is_local_reply, needs_body, outcome_of
from extproc.exchange.client_errors import errors
from extproc.exchange.client_errors.exhausted import BAD_GATEWAY, exhausted_response
from extproc.exchange.delivery import delivered, lost
from extproc.exchange.events import (
    BodyOverdue,
    ContinueProcessing,
    Directive,
    Event,
    ImmediateResponse,
    ReadResponseBody,
    Redispatch,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
)
from extproc.exchange.in_flight import InFlight
from extproc.exchange.local import LocalResponse, operation_or_response
from extproc.exchange.phases import Phase, UnexpectedEventError
from extproc.exchange.request import ClientRequest, primary_of, read_request
from extproc.exchange.rewrite import send
from extproc.policy.decision import Deliver as Delivered
from extproc.policy.decision import Exhausted, Try
from extproc.policy.target import Api
from extproc.policy.units import Instant, Millis, Rng
from extproc.value import value

if TYPE_CHECKING:
    from extproc.exchange.events import Headers
    from extproc.exchange.upstream import Upstreams
    from extproc.exchange.url.paths import Operation
    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.decision import Decision
    from extproc.policy.engine import Engine
    from extproc.policy.outcome import Outcome
    from extproc.policy.rules import Policy


@value
class Exchange:
    """What all attempts share."""

    engine: Engine
    upstreams: Upstreams
    timeout: Millis  # the listener's: from the first attempt on
    max_body: int  # bytes

    def open(self, rng: Rng) -> Session:
        """Return the session of a new attempt."""
        return Session(self, rng)


class Session:
    """The conversation about one attempt. Mutable; belongs to one stream.

    `receive` takes what Envoy says, in the order Envoy says it, and returns what to answer. `finish` is called once,
    when the stream has ended, however it ended.
    """

    def __init__(self, exchange: Exchange, rng: Rng) -> None:
        self._exchange = exchange
        self._engine = exchange.engine
        self._rng = rng
        self._phase = Phase.REQUEST_HEADERS
        self._headers: Headers = {}
        self._api = Api.OTHER
        self._resource = ""
        self._operation: Operation  # set once the path is known to be supported
        self._request_id = ""
        self._carried: AttemptState | None = None
        self._previous = ""
        self._details = ""
        self._sent: InFlight | None = None
        self._held: tuple[InFlight, ResponseHeaders]  # there in phase RESPONSE_BODY
        self._delivered: AttemptState | None = None
        self._record: AttemptRecord | None = None

    def receive(self, event: Event, *, now: Instant) -> Directive:
        """Return the answer to *event*.

        Raises:
            UnexpectedEventError: the event cannot come in this phase.
        """
        match self._phase, event:
            case Phase.REQUEST_HEADERS, RequestHeaders():
                return self._on_headers(event, now)
            case Phase.REQUEST_BODY, RequestBody(body=body):
                return self._on_request(body, now)
            # Envoy may answer by itself while the body is still coming (413).
            case ((Phase.REQUEST_BODY | Phase.RESPONSE_HEADERS), ResponseHeaders()):
                return self._on_response(event, now)
            case Phase.RESPONSE_BODY, ResponseBody(body=body):
                return self._decide(*self._held, body, now)
            case Phase.RESPONSE_BODY, BodyOverdue():
                return ContinueProcessing() if self._held[0].is_final else self._decide(*self._held, None, now)
            # Envoy may be configured to show us every body.
            case Phase.END, ResponseBody() | BodyOverdue():
                return ContinueProcessing()
            case _:
                raise UnexpectedEventError(f"expected {self._phase.value}, got {type(event).__name__}")

    def finish(self, *, now: Instant) -> AttemptRecord | None:
        """Return what the attempt came to; None when it never began."""
        if self._phase is Phase.REQUEST_HEADERS:
            return None
        record = self._record or self._unfinished()
        if self._sent is None:
            return record
        total = max(0, now - self._sent.sent)
        if self._delivered is not None:
            self._engine.record_end(self._delivered, duration=total, now=now, rng=self._rng)
        return replace(record, total=total)

    def _unfinished(self) -> AttemptRecord:
        """Return the record of an attempt whose stream has ended before anything was decided."""
        if self._phase is not Phase.RESPONSE_BODY:
            return self._record_as(Result.ABANDONED)
        return self._record_as(Result.UNDECIDED, self._held[0].outcome, self._held[0].duration)

    def _on_headers(self, event: RequestHeaders, now: Instant) -> Directive:
        self._headers = event.headers
        self._resource = f"{event.headers.get(':method', '')} {event.headers.get(':path', '/')}"
        self._request_id = event.headers.get("x-request-id", "")
        self._phase = Phase.REQUEST_BODY
        operation = operation_or_response(event.headers, self._engine.catalog)
        self._api = operation.api
        if isinstance(operation, LocalResponse):
            return self._refuse(operation.response, operation.result)
        self._operation = operation
        if event.state_unreadable:
            # Who was called already is not known any more, so nobody may be called now.
            return self._refuse(errors.state_unreadable(self._api, request_id=self._request_id))
        if isinstance(event.carried, InFlight):
            ended = self._on_undecided(event.carried, event.headers.get(names.UNJUDGED, ""), now)
            if ended is not None:
                return ended
        else:
            self._carried = event.carried
        if event.end_of_stream:
            return self._on_request(None, now)
        return ContinueProcessing(None if self._carried is None else self._carried.next.wait_until(now))

    def _on_undecided(self, attempt: InFlight, reported: str, now: Instant) -> ImmediateResponse | None:
        """Charge the attempt before this one, on which nobody has decided; return the answer if it was the last.

        *reported* is Envoy's word for what became of its response, and its details.
        """
        response, _, details = reported.partition(" ")
        state, policy = attempt.state, self._engine.policy_of(attempt.state)
        outcome, duration = attempt.ended_in(response, policy), attempt.lasted(now)
        self._previous = f"{outcome.label} ({details})" if details else outcome.label
        if not self._engine.knows(state):
            self._carried = state.with_failure(outcome, None, duration, now=now)
            return None
        self._carried = state
        decision = self._after(state, outcome, duration, now)
        if isinstance(decision, Try):
            self._carried = decision.state
            return None
        self._phase = Phase.END
        if isinstance(decision, Exhausted):
            self._record = replace(self._record_as(Result.EXHAUSTED, outcome, duration), stop_reason=decision.reason)
            return self._exhausted(decision, policy)
        self._record = self._record_as(Result.DELIVERED, outcome, duration)
        return lost(outcome, state, self._api, request_id=self._request_id)

    def _on_request(self, body: bytes | None, now: Instant) -> Directive:
        most = self._exchange.max_body
        if body is not None and len(body) > most:
            return self._refuse(errors.body_too_large(self._api, most, request_id=self._request_id))
        request = read_request(self._headers, self._operation, body, limit=most)
        if isinstance(request, Undecodable):
            return self._refuse(errors.body_undecodable(self._api, request, request_id=self._request_id))
        state = self._state_for(request, now)
        if isinstance(state, ImmediateResponse):
            return self._refuse(state)
        target, policy = self._engine.catalog[state.next.target], self._engine.policy_of(state)
        upstream = self._exchange.upstreams.of(target)
        limit = upstream.first_byte
        if limit is None and policy is not None and policy.attempt_timeout:
            may_move_on = self._engine.has_alternative(state, self._api, now=now, rng=self._rng)
            limit = policy.attempt_timeout if may_move_on else None
        self._sent = InFlight.begun(state, limit, now=now)
        self._phase = Phase.RESPONSE_HEADERS
        return send(request, upstream, self._sent, policy, now=now)

    def _state_for(self, request: ClientRequest, now: Instant) -> AttemptState | ImmediateResponse:
        """Return the attempt state that the attempt continues or begins, or the answer when nobody can be called."""
        carried = self._carried
        if carried is None:
            return self._begin(request, now)
        if request.digest() != carried.body_sha256:
            return errors.body_mismatch(self._api, request_id=self._request_id)
        if self._engine.knows(carried):
            return carried
        # The configuration has changed between two attempts: choose anew, but forget no failure.
        begun = self._begin(request, now)
        if isinstance(begun, ImmediateResponse):
            return begun
        return replace(
            begun,
            began=carried.began,
            deadline=max(carried.deadline, begun.next.not_before),  # a next attempt after its deadline is refused
            failures=carried.failures,
            first_failure=carried.first_failure,
        )

    def _begin(self, request: ClientRequest, now: Instant) -> AttemptState | ImmediateResponse:
        primary = primary_of(request, self._engine.catalog)
        if isinstance(primary, ImmediateResponse):
            return primary
        deadline = Instant(now + self._exchange.timeout)
        first = self._engine.first(
            primary,
            self._api,
            now=now,
            deadline=deadline,
            rng=self._rng,
            body_sha256=request.digest(),
            freedom=request.freedom,
            resource=self._resource,
        )
        if isinstance(first, Exhausted):
            self._record = replace(self._record_as(Result.EXHAUSTED), stop_reason=first.reason)
            return self._exhausted(first, self._engine.catalog.policy_of(primary))
        return first.state

    def _on_response(self, event: ResponseHeaders, now: Instant) -> Directive:
        sent = self._sent
        if sent is None:
            return self._refuse(errors.local_reply(self._api, event.status, request_id=self._request_id))
        policy = self._engine.policy_of(sent.state)
        if needs_body(event, policy):
            outcome = outcome_of(event, policy, limit=sent.limit, now=now)
            self._engine.record_retry_after(sent.state, outcome, self._api, now=now, rng=self._rng)
            known = replace(sent, outcome=outcome, duration=sent.lasted(now))
            self._phase, self._held = Phase.RESPONSE_BODY, (known, event)
            return ReadResponseBody(known)
        return self._decide(sent, event, b"", now)

    def _decide(self, sent: InFlight, event: ResponseHeaders, body: bytes | None, now: Instant) -> Directive:
        """Decide on an answer of which *body* is known: b"" when nobody asked for it, None when it is overdue."""
        self._details = event.details if is_local_reply(event) else ""
        self._phase = Phase.END
        policy, duration = self._engine.policy_of(sent.state), sent.lasted(now)
        outcome = outcome_of(event, policy, limit=sent.limit, now=now, body=body or b"")
        decision = self._after(sent.state, outcome, duration, now)
        match decision:
            case Delivered(state=state):
                self._delivered = state
                self._record = self._record_as(Result.DELIVERED, outcome, duration)
                overdue = body is None
                return delivered(event, state, outcome, self._api, request_id=self._request_id, overdue=overdue)
            case Try(state=state):
                record = self._record_as(Result.REDISPATCHED, outcome, duration)
                self._record = replace(record, next_target=state.next.target)
                return Redispatch(BAD_GATEWAY if outcome.redirects else event.status, state)
            case Exhausted(reason=reason):
                self._record = replace(self._record_as(Result.EXHAUSTED, outcome, duration), stop_reason=reason)
                return self._exhausted(decision, policy)
            case _:
                assert_never(decision)

    def _after(self, state: AttemptState, outcome: Outcome, duration: Millis, now: Instant) -> Decision:
        return self._engine.after(
            state, outcome, self._api, duration=duration, now=now, rng=self._rng, resource=self._resource
        )

    def _exhausted(self, exhausted: Exhausted, policy: Policy | None) -> ImmediateResponse:
        return exhausted_response(
            exhausted,
            self._api,
            request_id=self._request_id,
            discourage_retries=policy is not None and policy.discourage_client_retries,
        )

    def _refuse(self, answer: ImmediateResponse, result: Result = Result.REFUSED) -> ImmediateResponse:
        """Respond to the client without calling a provider."""
        self._phase = Phase.END
        self._record = replace(self._record or self._record_as(result), status=answer.status)
        return answer

    def _record_as(self, result: Result, outcome: Outcome | None = None, ttfb: Millis | None = None) -> AttemptRecord:
        """Return the record of the attempt as far as it has come."""
        state = self._carried if self._sent is None else self._sent.state
        record = record_of(
            state, self._request_id, self._api, result, envoy_details=self._details, previous_outcome=self._previous
        )
        return record if outcome is None else record.with_outcome(outcome, ttfb)
