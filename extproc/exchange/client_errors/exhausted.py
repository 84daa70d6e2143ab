"""The response to an exhausted request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from extproc import names
from extproc.exchange.client_errors.explanation import explained, whole_seconds
from extproc.exchange.client_errors.kinds import request_id_headers
from extproc.exchange.events import ImmediateResponse
from extproc.policy.decision import Exhausted, StopReason

if TYPE_CHECKING:
    from extproc.policy.target import Api

BAD_GATEWAY = 502
"""The client's status for a provider's redirect: no response that a client could use (RFC 9110 section 15.6.3)."""


def exhausted_response(
    exhausted: Exhausted, api: Api, *, request_id: str, discourage_retries: bool
) -> ImmediateResponse:
    """Return the `retry_exhausted` response, in the error shape of *api*.

    Its status is the decisive failure's, or 429 when everything that could serve is blocked. `Retry-After` is there
    whenever the request may be repeated. With *discourage_retries* the client's SDK must not retry on top of us
    (`x-should-retry`, which the OpenAI and Anthropic SDKs obey).
    """
    attempts = exhausted.attempts
    status = _status(exhausted)
    headers = [("content-type", "application/json")]
    headers += request_id_headers(request_id, anthropic=api.of_anthropic)
    if exhausted.retry_after is not None:
        headers.append(("retry-after", str(whole_seconds(exhausted.retry_after))))
    if discourage_retries:
        headers.append(("x-should-retry", "false"))
    headers.append((names.ATTEMPTS, str(len(attempts))))
    error: dict[str, object] = {
        "message": explained(exhausted),
        "type": "retry_exhausted",
        "attempts": [
            {"model": failure.target, "error_type": failure.error_type, "attempt": number}
            for number, failure in enumerate(attempts, start=1)
        ],
        "total_attempts": len(attempts),
        "retry_budget_exhausted": exhausted.reason is StopReason.BUDGET_SPENT,
    }
    if exhausted.observed_retry_after is not None:
        error["observed_max_retry_after_seconds"] = whole_seconds(exhausted.observed_retry_after)
    if exhausted.shortest_block is not None and exhausted.reason is not StopReason.REPEATED:
        error["shortest_remaining_block_seconds"] = whole_seconds(exhausted.shortest_block)
    body: dict[str, object] = {"type": "error", "request_id": request_id} if api.of_anthropic else {}
    return ImmediateResponse(status, tuple(headers), json.dumps({**body, "error": error}).encode())


def _status(exhausted: Exhausted) -> int:
    if exhausted.decisive is not None:
        outcome = exhausted.decisive.outcome
        return BAD_GATEWAY if outcome.redirects else outcome.status
    # No target that was called could serve the request: that is a gateway's fault (RFC 9110 15.6.3).
    return BAD_GATEWAY if exhausted.failures and exhausted.shortest_block is None else 429
