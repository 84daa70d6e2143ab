"""Replication of blocks between the workers of one host.

Every worker has a socket to a broker in the supervisor process. A block that is new to a worker goes to the broker,
which forwards it to all other workers; a new worker receives a snapshot of all blocks in force before it serves.
Merging is `max`, so that neither the order nor the number of deliveries matters, and no lock is needed.

On the wire: one JSON value a line, a block or the mark that ends the snapshot.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.units import Instant

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_END_OF_SNAPSHOT: Final = b'"end_of_snapshot"\n'


class BlockBroker:
    """Merges and forwards the workers' blocks; the owner of the sockets moves the bytes.

    Mutable: holds every block in force, and the incomplete line of each worker.
    """

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._incomplete: dict[int, bytes] = {}

    def subscribe(self, worker: int, *, now: Instant) -> bytes:
        """Add *worker* and return the snapshot to send it first; every later update must be sent to it, too."""
        self._incomplete[worker] = b""
        return b"".join(map(_line, self._blocks.snapshot(now=now))) + _END_OF_SNAPSHOT

    def receive(self, worker: int, data: bytes, *, now: Instant) -> bytes:
        """Merge the *data* that *worker* has sent; return the update to send to all other workers."""
        *lines, self._incomplete[worker] = (self._incomplete[worker] + data).split(b"\n")
        changed = [block for block in map(_block, lines) if self._blocks.merge(block, now=now)]
        return b"".join(map(_line, changed))

    def unsubscribe(self, worker: int) -> None:
        """Remove *worker*. The incomplete line of one that was killed is dropped."""
        del self._incomplete[worker]


class BlockPeer:
    """A worker's end of the replication. Mutable: owns the connection and the task that reads from it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._receiving: asyncio.Task[None] | None = None

    @classmethod
    async def over(cls, connection: socket.socket) -> BlockPeer:
        """Return the peer of the broker at the other end of *connection*."""
        return cls(*await asyncio.open_connection(sock=connection))

    def publish(self, block: Block) -> None:
        """Send *block* to the other workers; what the socket cannot take at once is buffered."""
        self._writer.write(_line(block))

    async def subscribe(self, blocks: Blocks, clock: Callable[[], Instant]) -> None:
        """Merge the snapshot into *blocks*, then merge updates in the background.

        Raises:
            EOFError: the broker closed the connection before the end of the snapshot.
        """
        while (line := await self._reader.readline()) != _END_OF_SNAPSHOT:
            if not line.endswith(b"\n"):
                raise EOFError("the block broker closed the connection")
            blocks.merge(_block(line), now=clock())
        self._receiving = asyncio.create_task(self._receive(blocks, clock))

    async def close(self) -> None:
        """Stop receiving and close the connection."""
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.wait({self._receiving})
        self._writer.close()

    async def _receive(self, blocks: Blocks, clock: Callable[[], Instant]) -> None:
        while (line := await self._reader.readline()).endswith(b"\n"):
            blocks.merge(_block(line), now=clock())


def _line(block: Block) -> bytes:
    return json.dumps([block.kind, block.subject, block.until]).encode() + b"\n"


def _block(line: bytes) -> Block:
    kind, subject, until = json.loads(line)
    return Block(BlockKind(kind), str(subject), Instant(int(until)))
