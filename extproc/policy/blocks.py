"""Which targets are blocked, until when, and why.

A block only ever moves later: two responses of one target may arrive out of order, and the longer wait is the safe
one. Merging is therefore `max`, in any order and any number of times, which is what makes blocks shareable: reads are
local, every change is published as a value, and each process that receives it merges it the same way.

Not safe for use from several threads; the sidecar decides on one event loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from extproc.policy.rules import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from extproc.policy.target import Target
    from extproc.policy.units import Instant

_SWEEP_FROM = 1024


class BlockKind(StrEnum):
    """Why a target is blocked: at the provider's request, or by our own guess."""

    RETRY_AFTER = "retry_after"
    LATENCY = "latency"
    KEY = "key"  # one access key of a target is on cooldown, for as long as the provider asked
    REFUSED_KEY = "refused_key"  # the same, but for how long is our guess


@dataclass(frozen=True, slots=True)
class Block:
    """A target, a provider, an endpoint or a key that is blocked until an instant.

    *subject* comes from `subject_of` or, for a key, from `key_subject`. It needs no scope beside it: a target id has
    a slash, a provider has none, an endpoint has a scheme.
    """

    kind: BlockKind
    subject: str
    until: Instant


def subject_of(target: Target, scope: Scope) -> str:
    """Return what a block of *scope* is about when *target* is its cause."""
    match scope:
        case Scope.MODEL:
            return target.id
        case Scope.PROVIDER:
            return target.provider
        case Scope.ENDPOINT:
            return target.endpoint
        case _:
            assert_never(scope)


def key_subject(target: Target, key: int) -> str:
    """Return what a block of kind KEY or REFUSED_KEY is about: one access key, by its place in the list."""
    return f"{target.entry}#{key}"


class Ledger:
    """The ends of all blocks of one kind, by subject."""

    def __init__(self, kind: BlockKind) -> None:
        self.kind = kind
        self._until: dict[str, Instant] = {}
        self._sweep_at = _SWEEP_FROM

    @property
    def is_empty(self) -> bool:
        """Whether there is no block at all, as is mostly so."""
        return not self._until

    def until(self, subject: str, now: Instant) -> Instant | None:
        """Return the end of the block on *subject*; None when there is none or it has passed."""
        return self.latest((subject,), now)

    def latest(self, subjects: Iterable[str], now: Instant) -> Instant | None:
        """Return the end of the last block on any of *subjects*; None when there is none or all have passed."""
        latest = None
        for subject in subjects:
            until = self._until.get(subject)
            if until is None:
                continue
            if until <= now:
                # Nothing can have come in between, so that only the value just seen is dropped and never a later one.
                del self._until[subject]
            elif latest is None or until > latest:
                latest = until
        return latest

    def merge(self, subject: str, until: Instant, now: Instant) -> bool:
        """Move the end of the block on *subject* to *until* if that is later; return whether it was."""
        if until <= max(now, self._until.get(subject, now)):
            return False
        self._until[subject] = until
        # Names of wildcard models come from clients: what has expired must go even if it is never looked up again.
        if len(self._until) >= self._sweep_at:
            self._until = dict(self.in_force(now))
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self._until))
        return True

    def in_force(self, now: Instant) -> list[tuple[str, Instant]]:
        """Return subject and end of every block that has not passed."""
        return [(subject, until) for subject, until in self._until.items() if until > now]


class Blocks:
    """The blocks that outlive requests, a ledger for each kind.

    *publish* is called with every block that is new or has moved later here; blocks merged from elsewhere are not
    published again.
    """

    def __init__(self, publish: Callable[[Block], None] = lambda _: None) -> None:
        self.retry_after = Ledger(BlockKind.RETRY_AFTER)
        self.latency = Ledger(BlockKind.LATENCY)
        self.keys = Ledger(BlockKind.KEY)
        self.refused_keys = Ledger(BlockKind.REFUSED_KEY)
        self._publish = publish

    def key_blocked_until(self, subject: str, now: Instant) -> Instant | None:
        """Return until when the key *subject* is on cooldown, for whatever reason; None: it is not."""
        asked, refused = self.keys.until(subject, now), self.refused_keys.until(subject, now)
        return refused if asked is None or (refused is not None and refused > asked) else asked

    def add(self, block: Block, *, now: Instant) -> None:
        """Merge *block* and publish it, unless a later one is known already."""
        if self.merge(block, now=now):
            self._publish(block)

    def merge(self, block: Block, *, now: Instant) -> bool:
        """Merge a block that another process has published; return whether it changed anything."""
        return self._ledger(block.kind).merge(block.subject, block.until, now)

    def snapshot(self, *, now: Instant) -> tuple[Block, ...]:
        """Return all blocks in force: what a process that has just started must merge."""
        return tuple(
            Block(kind, subject, until) for kind in BlockKind for subject, until in self._ledger(kind).in_force(now)
        )

    def _ledger(self, kind: BlockKind) -> Ledger:
        match kind:
            case BlockKind.RETRY_AFTER:
                return self.retry_after
            case BlockKind.LATENCY:
                return self.latency
            case BlockKind.KEY:
                return self.keys
            case BlockKind.REFUSED_KEY:
                return self.refused_keys
            case _:
                assert_never(kind)


def later(blocks: Iterable[Block], block: Block) -> tuple[Block, ...]:
    """Return *blocks* with *block* merged in: the form of the store that a request carries with it."""
    merged = {(known.kind, known.subject): known for known in blocks}
    known = merged.get((block.kind, block.subject))
    if known is None or known.until < block.until:
        merged[block.kind, block.subject] = block
    return tuple(merged.values())
