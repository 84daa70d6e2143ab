"""What one attempt came to: the value that logs, metrics and traces are made from."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from extproc.value import value

if TYPE_CHECKING:
    from extproc.policy.attempt_state import AttemptState, Reason
    from extproc.policy.decision import StopReason
    from extproc.policy.outcome import Outcome
    from extproc.policy.target import Api, TargetId
    from extproc.policy.units import Millis


class Ending(StrEnum):
    """What became of an attempt."""

    DELIVERED = "delivered"  # the answer went to the client
    REDISPATCHED = "redispatched"  # another attempt follows
    EXHAUSTED = "exhausted"  # the last of several failures; the client got retry_exhausted
    LOCAL = "local"  # nobody was called: the gateway itself knows the answer
    REFUSED = "refused"  # nobody was called: the request itself cannot be served
    UNDECIDED = "undecided"  # the response broke off before it was decided on; the next attempt charges it
    ABANDONED = "abandoned"  # the stream ended before there was an answer: the client has gone


@value
class AttemptRecord:
    """One attempt, told once, when its stream has ended. Holds no header value, body or key."""

    request_id: str
    api: Api
    attempt: int  # 1 is the first
    ending: Ending
    target: TargetId | None = None  # None: nobody was called
    key: int = 0
    reason: Reason | None = None  # why this target
    waited: Millis = 0
    outcome: str = ""  # "success", or the failure as clients see it: "http_429", "timeout_2000ms"
    status: int | None = None  # what the client or the edge was given
    first_byte: Millis | None = None  # request sent to response headers
    total: Millis | None = None  # request sent to end of the stream
    stop: StopReason | None = None
    next_target: TargetId | None = None
    why: str = ""  # Envoy's reason, where it has no response of the provider's
    charged: str = ""  # outcome of the attempt before, where that attempt's own stream could not decide, and why not

    def with_outcome(self, outcome: Outcome, first_byte: Millis | None) -> AttemptRecord:
        """Return the record of the attempt once it is known what it ended in."""
        return replace(self, outcome=outcome.label, status=outcome.status, first_byte=first_byte)


def record_of(
    state: AttemptState | None, *, request_id: str, api: Api, ending: Ending, why: str, charged: str
) -> AttemptRecord:
    """Return the record of the attempt `state.next`; None: there is none yet."""
    if state is None:
        return AttemptRecord(request_id, api, attempt=1, ending=ending, why=why, charged=charged)
    next_attempt = state.next
    return AttemptRecord(
        request_id,
        api,
        attempt=state.attempts_made + 1,
        ending=ending,
        target=next_attempt.target,
        key=next_attempt.key,
        reason=next_attempt.reason,
        waited=next_attempt.waited,
        why=why,
        charged=charged,
    )
