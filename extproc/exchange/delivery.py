"""What the client gets when no other attempt follows: the provider's response, or an error in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from extproc.exchange.classify import is_local_reply
from extproc.exchange.client_errors import errors
from extproc.exchange.events import Deliver, ImmediateResponse
from extproc.exchange.headers import gateway_headers, response_removals
from extproc.policy.outcome import Kind, Outcome

if TYPE_CHECKING:
    from extproc.exchange.events import ResponseHeaders
    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.target import Api


def delivered(
    event: ResponseHeaders, state: AttemptState, outcome: Outcome, api: Api, *, request_id: str, overdue: bool
) -> Deliver | ImmediateResponse:
    """Return how the response *event* is passed on; one whose body is *overdue* cannot be."""
    if overdue:
        return lost(Outcome(Kind.CONNECTION_ERROR, 502), state, api, request_id=request_id)
    if is_local_reply(event) or outcome.redirects:
        return lost(outcome, state, api, request_id=request_id)
    return Deliver(gateway_headers(state), response_removals(event.headers))


def lost(outcome: Outcome, state: AttemptState, api: Api, *, request_id: str) -> ImmediateResponse:
    """Return the error in place of a response that was lost."""
    if outcome.redirects:
        response = errors.redirected(api, request_id=request_id)
    else:
        response = errors.no_response(api, outcome.kind, outcome.status, request_id=request_id)
    return replace(response, headers=(*response.headers, *gateway_headers(state)))
