"""One attempt: events in, directives out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.exchange.request_phases import AwaitingRequestHeaders

if TYPE_CHECKING:
    from extproc.exchange.attempt_context import Exchange
    from extproc.exchange.attempt_record import AttemptRecord
    from extproc.exchange.events import Directive, Event
    from extproc.exchange.phase import Phase
    from extproc.policy.units import Instant, Rng


class Session:
    """The conversation about one attempt. Mutable; belongs to one stream.

    `receive` takes Envoy's events in their order and returns the directive for each. `finish` is called once,
    when the stream has ended, however it ended. What is known, and what can come next, is in the phase.
    """

    __slots__ = ("_phase",)

    def __init__(self, exchange: Exchange, rng: Rng) -> None:
        self._phase: Phase = AwaitingRequestHeaders(exchange, rng)

    def receive(self, event: Event, *, now: Instant) -> Directive:
        """Return the directive for *event*.

        Raises:
            UnexpectedEventError: the event cannot come in this phase.
        """
        directive, self._phase = self._phase.receive(event, now)
        return directive

    def finish(self, *, now: Instant) -> AttemptRecord | None:
        """Return the record of the attempt; None when it never began."""
        return self._phase.finish(now)
