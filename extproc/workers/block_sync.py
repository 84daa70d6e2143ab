"""Blocks shared between the workers of one host.

Every worker has a socket to a hub in the process that started it. A block that is new to a worker goes to the hub,
and from there to all the others; a worker that joins is told everything that is in force before it serves anybody.
Merging is `max`, so neither the order nor the number of times a block is told matters, and nothing needs a lock.

What is told: one JSON value a line, a block or the mark that ends the greeting.
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

_GREETED: Final = b'"greeted"\n'


class Hub:
    """What the workers of one host tell each other goes through here; whoever owns the sockets moves the bytes.

    Mutable: knows every block in force, and what each member has begun to say.
    """

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._unfinished: dict[int, bytes] = {}

    def join(self, member: int, *, now: Instant) -> bytes:
        """Return what *member*, which is new, has to be told first; from here on it must be told all news."""
        self._unfinished[member] = b""
        return b"".join(map(_line, self._blocks.snapshot(now=now))) + _GREETED

    def hear(self, member: int, data: bytes, *, now: Instant) -> bytes:
        """Take note of what *member* says; return what all others have to be told."""
        *lines, self._unfinished[member] = (self._unfinished[member] + data).split(b"\n")
        news = [block for block in map(_block, lines) if self._blocks.merge(block, now=now)]
        return b"".join(map(_line, news))

    def leave(self, member: int) -> None:
        """Forget *member*. One that was killed in the middle of a line has not told it."""
        del self._unfinished[member]


class Membership:
    """A worker's side of the exchange. Mutable: owns the connection and the task that listens to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    async def over(cls, connection: socket.socket) -> Membership:
        """Return the membership of the worker at the other end of the hub's *connection*."""
        return cls(*await asyncio.open_connection(sock=connection))

    def publish(self, block: Block) -> None:
        """Tell the other workers of *block*; what the socket cannot take at once is kept for it."""
        self._writer.write(_line(block))

    async def join(self, blocks: Blocks, clock: Callable[[], Instant]) -> None:
        """Merge what the others know into *blocks*, then go on doing so in the background.

        Raises:
            EOFError: the hub has gone before it had told everything.
        """
        while (line := await self._reader.readline()) != _GREETED:
            if not line.endswith(b"\n"):
                raise EOFError("the hub of the workers has gone")
            blocks.merge(_block(line), now=clock())
        self._listening = asyncio.create_task(self._listen(blocks, clock))

    async def leave(self) -> None:
        """Stop listening and close the connection."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})
        self._writer.close()

    async def _listen(self, blocks: Blocks, clock: Callable[[], Instant]) -> None:
        while (line := await self._reader.readline()).endswith(b"\n"):
            blocks.merge(_block(line), now=clock())


def _line(block: Block) -> bytes:
    return json.dumps([block.kind, block.subject, block.until]).encode() + b"\n"


def _block(line: bytes) -> Block:
    kind, subject, until = json.loads(line)
    return Block(BlockKind(kind), str(subject), Instant(int(until)))
