"""Many requests at the same time, on one clock that jumps from event to event."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from extproc.policy.decision import Deliver, Try
from extproc.policy.target import Api, Freedom
from extproc.policy.units import Instant
from support.policy.builders import P
from support.policy.journeys import Journey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from extproc.policy.engine import Engine
    from extproc.policy.target import TargetId
    from extproc.policy.units import Millis, Rng
    from support.policy.journeys import Reply, World


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that a client makes."""

    at: Instant
    primary: TargetId = P
    api: Api = Api.CHAT
    timeout: Millis = 300_000
    freedom: Freedom = Freedom.ANYWHERE
    resource: str = ""  # those with the same one for the same primary are one request, again and again


class Traffic:
    """All requests of a test, in flight and done. Mutable: owns the agenda of what happens next.

    *observe* sees every request whenever something has been decided about it.
    """

    def __init__(
        self, engine: Engine, world: World, rng: Rng, observe: Callable[[Journey], None] = lambda _: None
    ) -> None:
        self.journeys: list[Journey] = []
        self._engine = engine
        self._world = world
        self._rng = rng
        self._observe = observe
        self._agenda: list[tuple[Instant, int, Callable[[], None]]] = []
        self._order = count()

    def run(self, arrivals: Iterable[Arrival]) -> Traffic:
        """Let all requests arrive, and everything happen that follows."""
        for arrival in arrivals:
            self._at(arrival.at, partial(self._arrive, arrival))
        while self._agenda:
            _, _, happen = heappop(self._agenda)
            happen()
        return self

    def _at(self, instant: Instant, happen: Callable[[], None]) -> None:
        heappush(self._agenda, (instant, next(self._order), happen))

    def _arrive(self, arrival: Arrival) -> None:
        journey = Journey(
            self._engine,
            arrival.primary,
            api=arrival.api,
            freedom=arrival.freedom,
            now=arrival.at,
            timeout=arrival.timeout,
            rng=self._rng,
            resource=arrival.resource,
        )
        self.journeys.append(journey)
        self._decided(journey)

    def _decided(self, journey: Journey) -> None:
        self._observe(journey)
        if isinstance(journey.decision, Try):
            self._at(journey.calls[-1].at, partial(self._call, journey))

    def _call(self, journey: Journey) -> None:
        call = journey.calls[-1]
        reply = self._world(call)
        self._at(Instant(call.at + reply.took), partial(self._respond, journey, reply))

    def _respond(self, journey: Journey, reply: Reply) -> None:
        journey.responded(reply)
        self._decided(journey)
        if isinstance(journey.decision, Deliver):
            self._at(Instant(journey.now + reply.rest), partial(journey.ended, reply))
