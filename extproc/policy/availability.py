"""Which targets and keys may be used now, and until when the others are blocked.

Joins the two stores of blocks: the process-wide one, and the one that a request carries with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.policy.blocks import Block, Blocks, Ledger, key_subject
from extproc.policy.units import Instant

if TYPE_CHECKING:
    from extproc.policy.target import Target

_FREE = Instant(0)


class Availability:
    """What is blocked, as one request sees it at one instant."""

    def __init__(
        self, blocks: Blocks, carried: tuple[Block, ...], now: Instant, *, first_key_only: bool = False
    ) -> None:
        self._blocks = blocks
        self._first_key_only = first_key_only
        self._carried = carried
        self._now = now

    def blocked_until(self, target: Target) -> Instant | None:
        """Return until when *target* is blocked by its provider; None: it is not.

        A target whose keys are all on cooldown is blocked until the first ends that the provider asked for.
        """
        provider_block = self._latest(self._blocks.retry_after, target)
        if self.keys_blocked_until(target) is None:
            return provider_block
        keys = [until for subject in self._keys(target) if (until := self._blocks.keys.until(subject, self._now))]
        return max(provider_block or _FREE, min(keys, default=_FREE)) or None

    def deprioritized_until(self, target: Target) -> Instant | None:
        """Return until when *target* is deprioritized after slow responses, or a timeout, or for want of a key.

        None: it is not. For how long a refused key stays so is our guess: no request waits for that.
        """
        slow, keys = self._latest(self._blocks.latency, target), self.keys_blocked_until(target)
        return max(slow or _FREE, keys or _FREE) or None

    def keys_blocked_until(self, target: Target) -> Instant | None:
        """Return until when all keys of *target* that will do are on cooldown; None: one is not, or is the only one."""
        if target.keys <= 1:
            return None
        return (
            min(self._blocks.key_blocked_until(subject, self._now) or _FREE for subject in self._keys(target)) or None
        )

    def key_blocked_until(self, target: Target, key: int) -> Instant | None:
        """Return until when that key of *target* is on cooldown; None: it is not."""
        return self._blocks.key_blocked_until(key_subject(target, key), self._now)

    def key(self, target: Target, position: int) -> int:
        """Return which of its keys to use: the first, from *position* on, of those whose cooldown ends first."""
        return min(
            range(target.keys),
            key=lambda key: (self.key_blocked_until(target, key) or _FREE, (key - position) % target.keys),
        )

    def _keys(self, target: Target) -> list[str]:
        return [key_subject(target, key) for key in range(1 if self._first_key_only else target.keys)]

    def _latest(self, ledger: Ledger, target: Target) -> Instant | None:
        """Return the end of the last block on *target*, be it about the model, its provider or its endpoint."""
        if ledger.is_empty and not self._carried:
            return None
        subjects = (target.id, target.provider, target.endpoint)
        latest = ledger.latest(subjects, self._now)
        for block in self._carried:
            if block.kind is ledger.kind and block.subject in subjects and block.until > (latest or self._now):
                latest = block.until
        return latest
