"""Each decision of a test, with what was known then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.policy.blocks import Block, Blocks
from extproc.policy.decision import Try
from extproc.policy.target import Freedom
from support.policy.traffic import Traffic

if TYPE_CHECKING:
    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.catalog import Catalog
    from extproc.policy.decision import Decision
    from extproc.policy.rules import Policy
    from extproc.policy.target import Target
    from extproc.policy.units import Instant
    from support.policy.journeys import Call, Journey, Reply
    from support.policy.scenes import Scene


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision: about which request, when, after which calls and replies, and with which blocks known to all.

    *attempted* is the attempt state whose next attempt has just ended; None when the request has just arrived.
    """

    journey: Journey
    decision: Decision
    now: Instant
    calls: tuple[Call, ...]
    replies: tuple[Reply, ...]
    known: tuple[Block, ...]
    attempted: AttemptState | None

    @property
    def catalog(self) -> Catalog:
        """The configured targets."""
        return self.journey.engine.catalog

    @property
    def policy(self) -> Policy | None:
        """The policy of the request; one that asks for no generation has none."""
        return None if self.journey.freedom is Freedom.ONCE else self.catalog.policy_of(self.primary)

    @property
    def primary(self) -> Target:
        """The target that the request names."""
        return self.catalog[self.journey.primary]


class Witness:
    """Records every decision. Mutable: `moments` grows."""

    def __init__(self, blocks: Blocks) -> None:
        self.moments: list[Moment] = []
        self._blocks = blocks
        self._in_flight: dict[Journey, AttemptState] = {}

    def __call__(self, journey: Journey) -> None:
        """Record what has just been decided about *journey*."""
        known = self._blocks.snapshot(now=journey.decided)
        calls, replies = tuple(journey.calls), tuple(journey.replies)
        attempted = self._in_flight.pop(journey, None)
        self.moments.append(Moment(journey, journey.decision, journey.decided, calls, replies, known, attempted))
        if isinstance(journey.decision, Try):
            self._in_flight[journey] = journey.decision.state


def moments(scene: Scene) -> list[Moment]:
    """Return every decision about the requests of *scene*."""
    blocks = Blocks()
    witness = Witness(blocks)
    Traffic(scene.engine(blocks), scene.world(), scene.rng(), witness).run(scene.arrivals)
    return witness.moments
