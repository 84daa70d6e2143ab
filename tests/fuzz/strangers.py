"""Connections without a gRPC library: they speak something else, or break off in the middle of everything."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from fuzz.conversations import PROCESS, conversation

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_HEADERS = 4
_REQUEST = (
    *((":method", "POST"), (":scheme", "http"), (":path", PROCESS), (":authority", "localhost")),
    *(("te", "trailers"), ("content-type", "application/grpc")),
)
_STAY = 0.1  # seconds


async def visit(address: str, seed: int, number: int, *, now: int) -> None:
    """Connect to the socket at *address*, say something, and vanish without a word."""
    rng = Random(f"{seed} stranger {number}")  # noqa: S311 - not for secrets
    said = rng.choice(
        (
            b"",
            b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            rng.randbytes(rng.randrange(2_000)),
            _PREFACE[: rng.randrange(len(_PREFACE))],
            _PREFACE + rng.randbytes(200),
            _PREFACE + _frame(_SETTINGS, 0, 0) + _noise(rng),
            *[_streams([conversation(seed, number + more, now=now).messages for more in range(20)])] * 4,
        )
    )
    try:
        reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
        try:
            writer.write(said)
            async with asyncio.timeout(_STAY * rng.random()):
                await reader.read()
        finally:
            writer.transport.abort()
    except (OSError, TimeoutError):
        pass  # it may be told nothing, and it may be hung up on


def _streams(conversations: Sequence[Sequence[bytes]]) -> bytes:
    """Return a connection with all *conversations* on it, none of which comes to its end."""
    said = _PREFACE + _frame(_SETTINGS, 0, 0)
    for number, messages in enumerate(conversations):
        stream = 2 * number + 1
        said += _frame(_HEADERS, _END_HEADERS, stream, b"".join(_field(*one) for one in _REQUEST))
        for message in messages:
            if len(message) < 16_000:  # a larger one would need several frames
                said += _frame(_DATA, 0, stream, b"\0" + len(message).to_bytes(4, "big") + message)
    return said


def _frame(type_: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return b"".join((len(content).to_bytes(3, "big"), bytes((type_, flags)), stream.to_bytes(4, "big"), content))


def _field(name: str, value: str) -> bytes:
    """Return a field in HPACK's plainest form: a literal that nobody has to remember."""
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def _noise(rng: Random) -> bytes:
    """Return frames of any type, with a length that is right more often than not."""
    frames = b""
    for _ in range(rng.randrange(1, 30)):
        stream = rng.choice((0, 1, 2, 3, 2**31 - 1))
        frame = _frame(rng.randrange(12), rng.randrange(256), stream, rng.randbytes(rng.randrange(60)))
        frames += frame if rng.randrange(8) else rng.randbytes(3) + frame[3:]
    return frames
