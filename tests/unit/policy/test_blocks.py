"""Which targets to leave alone, and until when."""

from __future__ import annotations

from itertools import permutations

import pytest
from support.policy.builders import NOW, P, S, a_block, a_target, after

from extproc.policy.blocks import Block, BlockKind, Blocks, Ledger, key_subject, later, subject_of
from extproc.policy.rules import Scope


@pytest.mark.parametrize(
    ("scope", "subject"),
    [(Scope.MODEL, P), (Scope.PROVIDER, "openai"), (Scope.ENDPOINT, "https://openai.test:443")],
)
def test_what_a_block_is_about(scope: Scope, subject: str) -> None:
    """Its key is the model, the provider or the endpoint, by scope."""
    assert subject_of(a_target(P), scope) == subject


def test_a_key_is_blocked_by_its_place() -> None:
    assert key_subject(a_target(P), 2) == "openai/gpt-4o#2"


def test_a_wildcards_key_is_blocked_for_all_its_models() -> None:
    """It is the same key."""
    assert key_subject(a_target(P, wildcard=True), 2) == "openai/*#2"


def test_a_block_ends_at_its_instant() -> None:
    """Not a millisecond later: at its end it is over."""
    ledger = Ledger(BlockKind.LATENCY)
    ledger.merge(P, after(5000), NOW)

    assert [ledger.until(P, after(at)) for at in (0, 4999, 5000)] == [after(5000), after(5000), None]


def test_nothing_is_known_of_others() -> None:
    ledger = Ledger(BlockKind.LATENCY)
    ledger.merge(P, after(5000), NOW)

    assert ledger.until(S, NOW) is None


def test_an_expired_block_is_dropped_when_it_is_seen() -> None:
    ledger = Ledger(BlockKind.LATENCY)
    ledger.merge(P, after(5000), NOW)
    assert len(ledger._until) == 1

    ledger.until(P, after(5000))

    assert len(ledger._until) == 0


def test_dropping_what_has_expired_spares_what_came_later() -> None:
    """Only the value that was seen to be over is dropped."""
    ledger = Ledger(BlockKind.LATENCY)
    ledger.merge(P, after(10), NOW)
    ledger.merge(P, after(20), NOW)

    assert [ledger.until(P, after(at)) for at in (10, 19, 20)] == [after(20), after(20), None]


def test_a_block_only_moves_later() -> None:
    """In whatever order its values arrive; what changes nothing is no news."""
    for order in permutations([1000, 2000, 3000]):
        ledger = Ledger(BlockKind.LATENCY)
        news = [ledger.merge(P, after(until), NOW) for until in order]

        assert ledger.until(P, NOW) == after(3000)
        assert news == [until == max(order[: place + 1]) for place, until in enumerate(order)]


def test_the_same_block_again_is_no_news() -> None:
    ledger = Ledger(BlockKind.LATENCY)

    assert [ledger.merge(P, after(1000), NOW) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("until", [0, -1])
def test_a_block_that_is_over_already_is_none(until: int) -> None:
    """Retry-After: 0 means now."""
    ledger = Ledger(BlockKind.LATENCY)

    assert not ledger.merge(P, after(until), NOW)
    assert len(ledger._until) == 0


def test_a_new_block_may_end_before_an_expired_one_began() -> None:
    """What counts is now: an expired block that was not looked up keeps nothing out."""
    ledger = Ledger(BlockKind.LATENCY)
    ledger.merge(P, after(10), NOW)

    assert ledger.merge(P, after(30), after(20))
    assert ledger.until(P, after(20)) == after(30)


def test_what_is_in_force() -> None:
    ledger = Ledger(BlockKind.LATENCY)
    for subject, until in ((P, 1000), (S, 1001), ("openai", 5000)):
        ledger.merge(subject, after(until), NOW)

    assert ledger.in_force(after(1000)) == [(S, after(1001)), ("openai", after(5000))]


def test_a_ledger_does_not_grow_with_names_that_clients_invent() -> None:
    """What has expired goes, even if it is not looked up again; what is in force stays."""
    ledger = Ledger(BlockKind.LATENCY)
    for number in range(1023):
        ledger.merge(f"ollama/{number}", after(10), NOW)
    assert len(ledger._until) == 1023

    ledger.merge(P, after(1000), after(10))

    assert ledger._until == {P: after(1000)}


def test_a_ledger_full_of_what_is_in_force_is_not_swept_each_time() -> None:
    """The next sweep is due when it has doubled."""
    ledger = Ledger(BlockKind.LATENCY)
    for number in range(1024):
        ledger.merge(f"ollama/{number}", after(10), NOW)
    for number in range(1023):
        ledger.merge(f"openai/{number}", after(1000), after(10))
    assert len(ledger._until) == 2047

    ledger.merge(P, after(1000), after(10))

    assert len(ledger._until) == 1024


def test_the_kinds_are_kept_apart() -> None:
    """A provider's Retry-After and our own guess about the same target are two blocks."""
    blocks = Blocks()
    for until, kind in ((1000, BlockKind.RETRY_AFTER), (2000, BlockKind.LATENCY), (3000, BlockKind.KEY)):
        blocks.merge(a_block(until, kind=kind), now=NOW)

    assert [ledger.until(P, NOW) for ledger in (blocks.retry_after, blocks.latency, blocks.keys)] == [
        after(1000),
        after(2000),
        after(3000),
    ]


def test_every_change_is_handed_out() -> None:
    """A block that is new or has moved later; not one that changes nothing."""
    reported: list[Block] = []
    blocks = Blocks(reported.append)

    for until in (1000, 3000, 2000, 3000, 0):
        blocks.add(a_block(until), now=NOW)

    assert reported == [a_block(1000), a_block(3000)]


def test_what_others_have_published_is_not_published_again() -> None:
    """Else two processes would never stop telling each other."""
    reported: list[Block] = []
    blocks = Blocks(reported.append)

    news = [blocks.merge(a_block(until), now=NOW) for until in (1000, 1000, 500, 2000)]

    assert (news, reported) == ([True, False, False, True], [])
    assert blocks.retry_after.until(P, NOW) == after(2000)


def test_blocks_work_without_a_publisher() -> None:
    blocks = Blocks()

    blocks.add(a_block(1000), now=NOW)

    assert blocks.snapshot(now=NOW) == (a_block(1000),)


def test_a_newcomer_learns_all_that_is_in_force() -> None:
    blocks, newcomer = Blocks(), Blocks()
    held = [a_block(2000, P), a_block(3000, S, BlockKind.LATENCY), a_block(4000, "x/y#0", BlockKind.KEY)]
    for block in (*held, a_block(1000, "over")):
        blocks.add(block, now=NOW)

    for block in blocks.snapshot(now=after(1000)):
        newcomer.merge(block, now=after(1000))

    assert blocks.snapshot(now=after(1000)) == tuple(held)
    assert newcomer.snapshot(now=after(1000)) == tuple(held)


@pytest.mark.parametrize(
    ("block", "merged"),
    [
        (a_block(4000), (a_block(5000),)),
        (a_block(5000), (a_block(5000),)),
        (a_block(6000), (a_block(6000),)),
        (a_block(4000, S), (a_block(5000), a_block(4000, S))),
        (a_block(4000, kind=BlockKind.LATENCY), (a_block(5000), a_block(4000, kind=BlockKind.LATENCY))),
    ],
)
def test_a_request_carries_the_later_one(block: Block, merged: tuple[Block, ...]) -> None:
    """The blocks of one request follow the same law, for each kind and subject."""
    assert later((a_block(5000),), block) == merged
