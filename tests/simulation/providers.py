"""Providers that fail, recover, limit the rate of calls and slow down, each after a plan of its own."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.policy.builders import CONNECTION_ERROR, NOW, SUCCESS, TIMEOUT, after, http
from support.policy.journeys import Reply

if TYPE_CHECKING:
    from support.policy.journeys import Call

    from extproc.policy.units import Instant, Millis, Rng

MINUTE: Millis = 60_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a provider does from one minute of the hour to another."""

    begin: int
    end: int
    what: str  # "refused", "overloaded", "silent" or "slow"

    def __contains__(self, at: Instant) -> bool:
        return self.begin * MINUTE <= at - NOW < self.end * MINUTE


@dataclass(slots=True)
class Provider:
    """One provider. Mutable: remembers whom it has served, and what it has asked for.

    *limit* is how many calls a minute it serves with one access key; *retry_after*: whether its 429 has one.
    """

    rng: Rng
    troubles: tuple[Trouble, ...] = ()
    limit: int | None = None
    retry_after: bool = True
    outcomes: Counter[str] = field(default_factory=Counter)
    too_early: int = 0
    _served: dict[int, deque[Instant]] = field(default_factory=dict)
    _asked: dict[int, tuple[Instant, Instant]] = field(default_factory=dict)

    def serve(self, call: Call) -> Reply:
        """Return what comes of *call*."""
        # A request that was waiting already when it was sent, or decided in the same millisecond, could not know.
        said, until = self._asked.get(call.key, (call.at, call.at))
        self.too_early += said < call.at - call.waited and call.at < until
        reply = self._reply(call)
        self.outcomes[reply.outcome.label] += 1
        return reply

    def _reply(self, call: Call) -> Reply:
        troubles = {trouble.what for trouble in self.troubles if call.at in trouble}
        if "refused" in troubles:
            return Reply(CONNECTION_ERROR, took=2)
        if "silent" in troubles:
            return Reply(TIMEOUT, took=60_000)
        if "overloaded" in troubles and self.rng() < 0.7:
            return Reply(http(503), took=80)
        if (wait := self._wait(call)) is not None:
            said = after(30, now=call.at)
            self._asked[call.key] = (said, after(wait if self.retry_after else 0, now=said))
            return Reply(http(429, wait if self.retry_after else None), took=30)
        slow = 6 if "slow" in troubles else 1
        return Reply(SUCCESS, took=slow * int(200 + 300 * self.rng()), rest=slow * int(2000 * self.rng()))

    def _wait(self, call: Call) -> Millis | None:
        """Return how long it is until the limit allows another call; None when it allows this one."""
        if self.limit is None:
            return None
        served = self._served.setdefault(call.key, deque())
        while served and served[0] <= call.at - MINUTE:
            served.popleft()
        if len(served) >= self.limit:
            return served[0] + MINUTE - call.at
        served.append(call.at)
        return None
