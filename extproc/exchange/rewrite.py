"""How an attempt is sent: the client's request, made fit for one target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.exchange.body.content import rewritten
from extproc.exchange.events import Send
from extproc.exchange.headers import idempotency_value, request_changes
from extproc.exchange.url.paths import path_for

if TYPE_CHECKING:
    from extproc.exchange.in_flight import InFlight
    from extproc.exchange.request import ClientRequest
    from extproc.exchange.upstream import Upstream
    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.rules import Policy
    from extproc.policy.units import Instant


def send(
    request: ClientRequest,
    upstream: Upstream,
    attempt: InFlight,
    policy: Policy | None,
    *,
    now: Instant,
) -> Send:
    """Return what Envoy must do to send *attempt* of *request* to *upstream*.

    Everything is derived from the client's own bytes, never from an earlier attempt's. Without a policy no other
    attempt follows, whatever becomes of this one.
    """
    state = attempt.state
    body = request.plain
    if request.text is not None and request.model is not None:
        add = request.operation.model is not None
        body = rewritten(request.text, request.model, upstream.model, add=add) or body
    set_headers, remove_headers = request_changes(
        request.headers,
        upstream=upstream,
        api=request.api,
        path=path_for(request.path, request.operation, upstream),
        key=state.next.key,
        body_length=None if body is None else len(body),
        decoded=request.plain is not None,
        time_limit=attempt.time_limit,
        extra=_idempotency(request, state, policy),
    )
    in_flight = None if policy is None else attempt
    return Send(set_headers, remove_headers, body, state.next.wait_until(now), in_flight)


def _idempotency(request: ClientRequest, state: AttemptState, policy: Policy | None) -> tuple[tuple[str, str], ...]:
    """Return the header by which a provider recognises work it has done already, if the policy asks for one.

    A value that the client chose itself is left alone: it also covers the client's own retries.
    """
    name = None if policy is None else policy.idempotency_header
    if name is None or name.lower() in request.headers:
        return ()
    provider = state.next.target.partition("/")[0]
    return ((name.lower(), idempotency_value(request.request_id, state.body_sha256, provider)),)
