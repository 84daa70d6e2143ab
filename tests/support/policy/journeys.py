"""One request from its first attempt to its end, on a clock that only the test moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from extproc.policy.decision import Deliver, Exhausted, Try
from extproc.policy.target import Api, Freedom
from extproc.policy.units import Instant
from support.policy.builders import HALF, NOW, SUCCESS, P

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.policy.attempt_state import AttemptState, Reason
    from extproc.policy.decision import Decision
    from extproc.policy.engine import Engine
    from extproc.policy.outcome import Outcome
    from extproc.policy.target import TargetId
    from extproc.policy.units import Millis, Rng


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt as a provider sees it, and how it came about."""

    target: TargetId
    reason: Reason
    waited: Millis
    key: int
    at: Instant


@dataclass(frozen=True, slots=True)
class Reply:
    """What an attempt comes to: headers after *took*, and the end *rest* later."""

    outcome: Outcome = SUCCESS
    took: Millis = 0
    rest: Millis = 0


World: TypeAlias = "Callable[[Call], Reply]"
"""All providers: what each call comes to."""


class Journey:
    """A request in flight. Mutable: `now` moves with each wait and each response; `decided` is when it last did."""

    def __init__(
        self,
        engine: Engine,
        primary: TargetId = P,
        *,
        api: Api = Api.CHAT,
        freedom: Freedom = Freedom.ANYWHERE,
        now: Instant = NOW,
        timeout: Millis = 300_000,
        rng: Rng = HALF,
        resource: str = "",
    ) -> None:
        self.engine = engine
        self.primary = primary
        self.api = api
        self.freedom = freedom
        self.now = now
        self.rng = rng
        self.calls: list[Call] = []
        self.replies: list[Reply] = []
        self.resource = resource
        self.deadline = Instant(now + timeout)
        self.decision: Decision = engine.first(
            engine.catalog[primary],
            api,
            now=now,
            deadline=self.deadline,
            rng=rng,
            freedom=freedom,
            resource=resource,
        )
        self._go_on()

    @classmethod
    def resumed(cls, engine: Engine, state: AttemptState, *, rng: Rng = HALF) -> Journey:
        """Return the journey whose next attempt is what *state* says, decided on by another engine."""
        journey = cls(engine, state.primary, now=state.began, rng=rng)
        journey.calls.clear()
        journey.now, journey.decision = state.began, Try(state)
        journey._go_on()
        return journey

    @property
    def path(self) -> list[TargetId]:
        """The targets called, in order."""
        return [call.target for call in self.calls]

    @property
    def waits(self) -> list[Millis]:
        """The waits before each of the calls."""
        return [call.waited for call in self.calls]

    @property
    def reasons(self) -> list[Reason]:
        """Why each of the calls went where it went."""
        return [call.reason for call in self.calls]

    @property
    def state(self) -> AttemptState:
        """The attempt state, of a request that is not exhausted."""
        assert not isinstance(self.decision, Exhausted)
        return self.decision.state

    def gets(self, *replies: Outcome | Reply) -> Journey:
        """Let the attempts in flight come to *replies*, one after the other."""
        for given in replies:
            reply = given if isinstance(given, Reply) else Reply(given)
            self.responded(reply)
            if isinstance(self.decision, Deliver):
                self.ended(reply)
        return self

    def through(self, world: World) -> Journey:
        """Let *world* respond until nothing is in flight."""
        while isinstance(self.decision, Try):
            self.gets(world(self.calls[-1]))
        return self

    def responded(self, reply: Reply) -> None:
        """Let the headers of *reply* come."""
        assert isinstance(self.decision, Try), f"nothing is in flight any more: {self.decision}"
        self.replies.append(reply)
        self.now = Instant(self.now + reply.took)
        self.decision = self.engine.after(
            self.decision.state,
            reply.outcome,
            self.api,
            duration=reply.took,
            now=self.now,
            rng=self.rng,
            resource=self.resource,
        )
        self._go_on()

    def ended(self, reply: Reply) -> None:
        """Let the end of *reply*, which is being delivered, come."""
        assert isinstance(self.decision, Deliver)
        self.now = Instant(self.now + reply.rest)
        duration = reply.took + reply.rest
        self.engine.record_end(self.decision.state, duration=duration, now=self.now, rng=self.rng)

    def _go_on(self) -> None:
        """Wait as long as decided, and call."""
        self.decided = self.now
        if isinstance(self.decision, Try):
            next_attempt = self.decision.state.next
            self.now = max(self.now, next_attempt.not_before)
            self.calls.append(
                Call(next_attempt.target, next_attempt.reason, next_attempt.waited, next_attempt.key, self.now)
            )
