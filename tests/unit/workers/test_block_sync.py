"""The block broker: bytes in, bytes out."""

from __future__ import annotations

from support.policy.builders import NOW, a_block, after
from support.sidecar.block_lines import END_OF_SNAPSHOT, line_of

from extproc.workers.block_sync import BlockBroker


def test_a_new_block_goes_to_all_others_and_into_later_snapshots() -> None:
    broker = BlockBroker()
    assert broker.subscribe(1, now=NOW) == END_OF_SNAPSHOT

    block = line_of(a_block(5000))
    assert broker.receive(1, block, now=NOW) == block
    assert broker.subscribe(2, now=NOW) == block + END_OF_SNAPSHOT


def test_a_known_block_is_not_forwarded_again() -> None:
    """Otherwise a block that two workers set would be sent twice to each of the others."""
    broker = BlockBroker()
    for worker in (1, 2):
        broker.subscribe(worker, now=NOW)
    broker.receive(1, line_of(a_block(5000)), now=NOW)

    assert broker.receive(2, line_of(a_block(5000)) + line_of(a_block(4000)), now=NOW) == b""
    assert broker.receive(2, line_of(a_block(6000)), now=NOW) == line_of(a_block(6000))


def test_an_expired_block_is_in_no_snapshot() -> None:
    broker = BlockBroker()
    broker.subscribe(1, now=NOW)
    broker.receive(1, line_of(a_block(5000)), now=NOW)

    assert broker.subscribe(2, now=after(5000)) == END_OF_SNAPSHOT


def test_a_block_may_arrive_in_pieces() -> None:
    """A stream socket has no message boundaries."""
    broker = BlockBroker()
    broker.subscribe(1, now=NOW)
    block = line_of(a_block(5000, "é"))

    received = [broker.receive(1, block[at : at + 1], now=NOW) for at in range(len(block))]

    assert received == [b""] * (len(block) - 1) + [block]


def test_the_incomplete_line_of_a_killed_worker_is_dropped() -> None:
    """The worker that replaces it has the same number."""
    broker = BlockBroker()
    broker.subscribe(1, now=NOW)
    broker.receive(1, line_of(a_block(5000))[:9], now=NOW)
    broker.unsubscribe(1)
    broker.subscribe(1, now=NOW)

    block = line_of(a_block(6000))
    assert broker.receive(1, block, now=NOW) == block
