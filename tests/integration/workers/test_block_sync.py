"""A worker's side of the exchange of blocks, over a real socket."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from support.policy.builders import NOW, after
from support.waiting import eventually

from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.workers.block_sync import Membership

if TYPE_CHECKING:
    from collections.abc import Iterator

GREETED = b'"greeted"\n'


def a_block(in_ms: int, subject: str = "openai/gpt-4o", kind: BlockKind = BlockKind.RETRY_AFTER) -> Block:
    return Block(kind, subject, after(in_ms))


def told(block: Block) -> bytes:
    return json.dumps([block.kind, block.subject, block.until]).encode() + b"\n"


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the worker's and the hub's end of a connection."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.asyncio
async def test_a_worker_knows_what_is_in_force_when_it_has_joined(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    blocks = Blocks()
    theirs.send(told(a_block(5000)) + told(a_block(7000, "x/y#1", BlockKind.KEY)) + GREETED)
    membership = await Membership.over(ours)

    await membership.join(blocks, lambda: NOW)

    assert blocks.snapshot(now=NOW) == (a_block(5000), a_block(7000, "x/y#1", BlockKind.KEY))
    await membership.leave()


@pytest.mark.asyncio
async def test_a_worker_whose_hub_has_gone_does_not_begin(ends: tuple[socket.socket, socket.socket]) -> None:
    """It would serve without knowing what is blocked."""
    ours, theirs = ends
    theirs.send(told(a_block(5000)))
    theirs.close()
    membership = await Membership.over(ours)

    with pytest.raises(EOFError):
        await membership.join(Blocks(), lambda: NOW)
    await membership.leave()


@pytest.mark.asyncio
async def test_a_worker_tells_what_it_learns_and_not_what_it_is_told(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.send(GREETED)
    membership = await Membership.over(ours)
    blocks = Blocks(publish=membership.publish)
    await membership.join(blocks, lambda: NOW)

    theirs.send(told(a_block(5000)))
    await eventually(lambda: bool(blocks.snapshot(now=NOW)))
    blocks.add(a_block(5000), now=NOW)
    blocks.add(a_block(6000), now=NOW)
    await membership.leave()

    assert theirs.recv(1000) == told(a_block(6000))
