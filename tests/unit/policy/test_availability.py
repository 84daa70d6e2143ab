"""Which targets and keys may be used now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import NOW, P2, P, S, a_block, a_target, after

from extproc.policy.availability import Availability
from extproc.policy.blocks import Block, BlockKind, Blocks, key_subject

if TYPE_CHECKING:
    from extproc.policy.target import Target
    from extproc.policy.units import Instant

TARGET = a_target(P)
SUBJECTS = [P, "openai", "https://openai.test:443"]
KEYED = a_target(P, keys=3)


def a_view(*known: Block, carried: tuple[Block, ...] = (), at: int = 0) -> Availability:
    blocks = Blocks()
    for block in known:
        blocks.merge(block, now=NOW)
    return Availability(blocks, carried, after(at))


def retry_after(until: int, subject: str = P) -> Block:
    return a_block(until, subject, BlockKind.RETRY_AFTER)


def latency(until: int, subject: str = P) -> Block:
    return a_block(until, subject, BlockKind.LATENCY)


def key(until: int, number: int, target: Target = KEYED) -> Block:
    return Block(BlockKind.KEY, key_subject(target, number), after(until))


def state(view: Availability, target: Target = TARGET) -> tuple[Instant | None, Instant | None]:
    return view.blocked_until(target), view.deprioritized_until(target)


def test_nothing_is_blocked_at_first() -> None:
    assert state(a_view()) == (None, None)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_target_is_asked_for_under_all_its_keys(subject: str) -> None:
    """A block of its model, its provider or its endpoint: known to all, or to this request only."""
    for block, blocked in (
        (retry_after(5000, subject), (after(5000), None)),
        (latency(5000, subject), (None, after(5000))),
    ):
        assert state(a_view(block)) == blocked
        assert state(a_view(carried=(block,))) == blocked


def test_others_are_not_concerned() -> None:
    """Neither another provider nor another model of the same one."""
    known = [retry_after(5000, subject) for subject in (S, P2, "anthropic", "https://anthropic.test:443", "open")]

    assert state(a_view(*known)) == (None, None)
    assert state(a_view(carried=tuple(known))) == (None, None)


def test_the_latest_of_all_counts() -> None:
    """Whichever subject and whichever store it is in."""
    for last in range(6):
        until = [5000 if place == last else 1000 for place in range(6)]
        known = [retry_after(end, subject) for end, subject in zip(until[:3], SUBJECTS, strict=True)]
        carried = tuple(retry_after(end, subject) for end, subject in zip(until[3:], SUBJECTS, strict=True))

        assert state(a_view(*known, carried=carried)) == (after(5000), None)


def test_a_block_ends_at_its_instant() -> None:
    """At its end the target is free, in either store."""
    for block, before in (
        (retry_after(5000), (after(5000), None)),
        (latency(5000), (None, after(5000))),
    ):
        assert [state(a_view(block, at=at)) for at in (4999, 5000)] == [before, (None, None)]
        assert [state(a_view(carried=(block,), at=at)) for at in (4999, 5000)] == [before, (None, None)]


def test_a_target_is_free_while_one_of_its_keys_is() -> None:
    assert a_view(key(1000, 0), key(2000, 1)).blocked_until(KEYED) is None


def test_a_target_without_a_free_key_is_blocked_until_the_first_cooldown_ends() -> None:
    assert a_view(key(3000, 0), key(1000, 1), key(2000, 2)).blocked_until(KEYED) == after(1000)


def test_a_target_is_blocked_until_both_it_and_a_key_are_free() -> None:
    keys = [key(3000, number) for number in range(3)]

    assert a_view(*keys, retry_after(5000)).blocked_until(KEYED) == after(5000)
    assert a_view(*keys, retry_after(1000)).blocked_until(KEYED) == after(3000)


def test_two_keys_are_a_choice_already() -> None:
    pair = a_target(P, keys=2)

    assert a_view(key(1000, 0, pair), key(2000, 1, pair)).blocked_until(pair) == after(1000)


@pytest.mark.parametrize("keys", [0, 1])
def test_the_only_key_is_never_on_cooldown(keys: int) -> None:
    """There is nothing to choose from."""
    assert a_view(key(1000, 0)).blocked_until(a_target(P, keys=keys)) is None


def test_until_when_a_key_is_on_cooldown() -> None:
    view = a_view(key(1000, 1), at=999)

    assert [view.key_blocked_until(KEYED, number) for number in range(3)] == [None, after(1000), None]
    assert a_view(key(1000, 1), at=1000).key_blocked_until(KEYED, 1) is None


@pytest.mark.parametrize(("position", "number"), [(0, 0), (1, 1), (2, 2), (3, 0), (4, 1)])
def test_keys_rotate(position: int, number: int) -> None:
    assert a_view().key(KEYED, position) == number


@pytest.mark.parametrize(("position", "number"), [(0, 0), (1, 2), (2, 2), (3, 0)])
def test_a_key_on_cooldown_is_passed_over(position: int, number: int) -> None:
    assert a_view(key(1000, 1)).key(KEYED, position) == number


def test_the_key_whose_cooldown_ends_first() -> None:
    """If none is free; the target is then waited for."""
    assert [a_view(key(3000, 0), key(1000, 1), key(2000, 2)).key(KEYED, position) for position in range(3)] == [1, 1, 1]
