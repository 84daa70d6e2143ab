"""A worker's end of the block replication, over a real socket."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from support.policy.builders import NOW, a_block
from support.sidecar.block_lines import END_OF_SNAPSHOT, line_of
from support.waiting import eventually

from extproc.policy.blocks import BlockKind, Blocks
from extproc.workers.block_sync import BlockPeer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the worker's and the broker's end of a connection."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.asyncio
async def test_a_worker_has_all_blocks_in_force_when_it_has_subscribed(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    blocks = Blocks()
    theirs.send(line_of(a_block(5000)) + line_of(a_block(7000, "x/y#1", BlockKind.KEY)) + END_OF_SNAPSHOT)
    peer = await BlockPeer.over(ours)

    await peer.subscribe(blocks, lambda: NOW)

    assert blocks.snapshot(now=NOW) == (a_block(5000), a_block(7000, "x/y#1", BlockKind.KEY))
    await peer.close()


@pytest.mark.asyncio
async def test_a_worker_without_a_broker_does_not_start(ends: tuple[socket.socket, socket.socket]) -> None:
    """It would serve without the blocks in force."""
    ours, theirs = ends
    theirs.send(line_of(a_block(5000)))
    theirs.close()
    peer = await BlockPeer.over(ours)

    with pytest.raises(EOFError):
        await peer.subscribe(Blocks(), lambda: NOW)
    await peer.close()


@pytest.mark.asyncio
async def test_a_worker_publishes_its_own_blocks_and_not_received_ones(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    theirs.send(END_OF_SNAPSHOT)
    peer = await BlockPeer.over(ours)
    blocks = Blocks(publish=peer.publish)
    await peer.subscribe(blocks, lambda: NOW)

    theirs.send(line_of(a_block(5000)))
    await eventually(lambda: bool(blocks.snapshot(now=NOW)))
    blocks.add(a_block(5000), now=NOW)
    blocks.add(a_block(6000), now=NOW)
    await peer.close()

    assert theirs.recv(1000) == line_of(a_block(6000))
