"""An attempt in flight: Envoy keeps it, in case its response stays unprocessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.policy.outcome import Kind, Outcome, classify_response
from extproc.value import value

if TYPE_CHECKING:
    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.rules import Policy
    from extproc.policy.units import Instant, Millis

_STATUS_DIGITS = 3


@value
class InFlight:
    """The attempt `state.next`, sent at *sent*.

    *limit* is the time allowed until response headers; None: what is left of the listener's timeout.

    *outcome* is what its response headers mean, after *duration* milliseconds; None until they are there. When its
    response was lost or stayed unprocessed, the next attempt's session charges it like any other failure: the limits of
    the policy hold whatever breaks.
    """

    state: AttemptState
    sent: Instant
    limit: Millis | None = None
    outcome: Outcome | None = None
    duration: Millis = 0

    @property
    def is_final(self) -> bool:
        """Whether its response goes to the client, as far as is known: only the client waits for the rest of it."""
        return self.outcome is not None and not self.outcome.retriable

    @classmethod
    def begun(cls, state: AttemptState, limit: Millis | None, *, now: Instant) -> InFlight:
        """Return the attempt `state.next` as it is made, with a *limit* of its own that is there to reach others."""
        sent = max(now, state.next.not_before)
        return cls(state, sent, None if limit is None or limit > state.deadline - sent else limit)

    @property
    def time_limit(self) -> Millis:
        """The time allowed until response headers, with which the listener's timeout ends too."""
        return self.limit or max(1, self.state.deadline - self.sent)

    def lasted(self, now: Instant) -> Millis:
        """Return the time to response headers, or to *now* when there were none."""
        return max(0, now - self.sent) if self.outcome is None else self.duration

    def ended_in(self, response: str, policy: Policy | None) -> Outcome:
        """Return what it is charged as; *response* is Envoy's word: a status, `TIMED_OUT` or `BROKEN`.

        An error's status has come, though its response has broken off. Any other word is a failure without a name, and
        charged as a connection that broke; so is a good response.
        """
        if self.outcome is not None:
            return self.outcome
        if response == names.TIMED_OUT:
            return Outcome(Kind.TIMEOUT, 504, limit=self.limit)
        if response.isascii() and response.isdecimal() and len(response) == _STATUS_DIGITS:
            kind = classify_response(int(response), listed=() if policy is None else policy.on_status)
            if kind is not Kind.SUCCESS:
                return Outcome(kind, int(response))
        return Outcome(Kind.CONNECTION_ERROR, 502)
