"""The hub's side of the exchange of blocks: bytes in, bytes out."""

from __future__ import annotations

import json

from support.policy.builders import NOW, after

from extproc.policy.blocks import Block, BlockKind
from extproc.workers.block_sync import Hub

GREETED = b'"greeted"\n'


def a_block(in_ms: int, subject: str = "openai/gpt-4o", kind: BlockKind = BlockKind.RETRY_AFTER) -> Block:
    return Block(kind, subject, after(in_ms))


def told(block: Block) -> bytes:
    return json.dumps([block.kind, block.subject, block.until]).encode() + b"\n"


def test_news_is_for_all_others_and_for_who_comes_later() -> None:
    hub = Hub()
    assert hub.join(1, now=NOW) == GREETED

    block = told(a_block(5000))
    assert hub.hear(1, block, now=NOW) == block
    assert hub.join(2, now=NOW) == block + GREETED


def test_what_is_known_already_is_not_told_again() -> None:
    """Otherwise two workers that learn the same thing would tell it twice to each of all others."""
    hub = Hub()
    for member in (1, 2):
        hub.join(member, now=NOW)
    hub.hear(1, told(a_block(5000)), now=NOW)

    assert hub.hear(2, told(a_block(5000)) + told(a_block(4000)), now=NOW) == b""
    assert hub.hear(2, told(a_block(6000)), now=NOW) == told(a_block(6000))


def test_what_is_over_is_not_told() -> None:
    hub = Hub()
    hub.join(1, now=NOW)
    hub.hear(1, told(a_block(5000)), now=NOW)

    assert hub.join(2, now=after(5000)) == GREETED


def test_a_block_may_come_in_pieces() -> None:
    """A socket keeps no lines together."""
    hub = Hub()
    hub.join(1, now=NOW)
    block = told(a_block(5000, "é"))

    heard = [hub.hear(1, block[at : at + 1], now=NOW) for at in range(len(block))]

    assert heard == [b""] * (len(block) - 1) + [block]


def test_what_a_worker_had_not_finished_saying_is_forgotten_with_it() -> None:
    """It was killed in the middle; its successor has the same number."""
    hub = Hub()
    hub.join(1, now=NOW)
    hub.hear(1, told(a_block(5000))[:9], now=NOW)
    hub.leave(1)
    hub.join(1, now=NOW)

    block = told(a_block(6000))
    assert hub.hear(1, block, now=NOW) == block
