"""The record of one attempt: the value that logs, metrics and traces are made from."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from extproc.value import value

if TYPE_CHECKING:
    from extproc.policy.attempt_state import Reason
    from extproc.policy.decision import StopReason
    from extproc.policy.target import Api, TargetId
    from extproc.policy.units import Millis


class Result(StrEnum):
    """The result of an attempt."""

    DELIVERED = "delivered"  # the response went to the client
    REDISPATCHED = "redispatched"  # another attempt follows
    EXHAUSTED = "exhausted"  # the last of several failures; the client got retry_exhausted
    LOCAL = "local"  # no provider was called: the gateway itself responded
    REFUSED = "refused"  # no provider was called: the request itself cannot be served
    UNDECIDED = "undecided"  # the response broke off before it was decided on; the next attempt charges it
    ABANDONED = "abandoned"  # the stream ended before there was a response: the client has gone


@value
class AttemptRecord:
    """One attempt, recorded once, when its stream has ended. Holds no header value, body or key."""

    request_id: str
    api: Api
    attempt: int  # 1 is the first
    result: Result
    target: TargetId | None = None  # None: no provider was called
    key: int = 0
    target_reason: Reason | None = None
    waited: Millis = 0
    outcome: str = ""  # "success", or the failure as clients see it: "http_429", "timeout_2000ms"
    status: int | None = None  # what the client or the edge was given
    ttfb: Millis | None = None  # request sent to response headers
    total: Millis | None = None  # request sent to end of the stream
    stop_reason: StopReason | None = None
    next_target: TargetId | None = None
    envoy_details: str = ""  # Envoy's response code details, where there is no response from the provider
    previous_outcome: str = ""  # of the attempt before, where its own stream could not report it, with details
