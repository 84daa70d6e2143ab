"""Which targets and keys may be used now, and when the others are released.

Joins the two stores of blocks: the process-wide one, and the one that a request carries with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.policy.blocks import Block, BlockKind, Blocks, Ledger, key_subject
from extproc.policy.model import Instant

if TYPE_CHECKING:
    from extproc.policy.model import Target


class Availability:
    """What is blocked, as one request sees it at one instant."""

    def __init__(self, blocks: Blocks, carried: tuple[Block, ...], now: Instant) -> None:
        self._blocks = blocks
        self._carried = carried
        self._now = now

    def released(self, target: Target) -> Instant | None:
        """Return when the provider allows *target* again; None: now.

        A target whose keys are all set aside is released with the first of them.
        """
        until = self._latest(self._blocks.retry_after, BlockKind.RETRY_AFTER, target)
        if target.keys > 1:
            until = max(until, min(self.key_released(target, key) or Instant(0) for key in range(target.keys)))
        return until if until > self._now else None

    def avoided(self, target: Target) -> Instant | None:
        """Return until when *target* is avoided for its slowness; None: it is not."""
        until = self._latest(self._blocks.latency, BlockKind.LATENCY, target)
        return until if until > self._now else None

    def key_released(self, target: Target, key: int) -> Instant | None:
        """Return when that key of *target* is no longer set aside; None: now."""
        return self._blocks.keys.until(key_subject(target, key), self._now)

    def key(self, target: Target, turn: int) -> int:
        """Return which of its keys to use: the first in turn, from *turn* on, of those that are released soonest."""
        return min(
            range(target.keys),
            key=lambda key: (self.key_released(target, key) or 0, (key - turn) % target.keys),
        )

    def _latest(self, ledger: Ledger, kind: BlockKind, target: Target) -> Instant:
        latest = Instant(0)
        if ledger:
            for subject in (target.id, target.provider, target.endpoint):
                until = ledger.until(subject, self._now)
                if until is not None and until > latest:
                    latest = until
        for block in self._carried:
            if (
                block.kind is kind
                and block.until > latest
                and block.subject in {target.id, target.provider, target.endpoint}
            ):
                latest = block.until
        return latest
