"""A primary with a choice of access keys, for the tests that are about keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.policy.blocks import Block, BlockKind, Blocks
from support.policy.builders import P, S, a_policy, a_target, after, an_engine

if TYPE_CHECKING:
    from extproc.policy.engine import Engine
    from extproc.policy.rules import Policy
    from support.policy.journeys import Journey

KEYED = a_target(P, keys=3)


def engine_of(policy: Policy | None = None, *, blocks: Blocks | None = None, keys: int = 3) -> Engine:
    """Return an engine whose primary has several keys, and S to fall back to."""
    policy = policy or a_policy(fallback_models=(S,))
    return an_engine(a_target(P, keys=keys), S, policy=policy, blocks=blocks)


def keys(journey: Journey) -> list[tuple[str, int]]:
    """Return who was called, and with which key."""
    return [(call.target, call.key) for call in journey.calls]


def on_cooldown(until: int, number: int) -> Block:
    """Return the cooldown of P's key of that *number*, as asked for, until *until* milliseconds from the beginning."""
    return Block(BlockKind.KEY, f"{P}#{number}", after(until))


def refused(until: int, number: int) -> Block:
    """Return the cooldown of a key that was refused without a Retry-After."""
    return Block(BlockKind.REFUSED_KEY, f"{P}#{number}", after(until))
