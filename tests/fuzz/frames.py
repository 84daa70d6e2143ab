"""Raw frames for the HTTP/2 of the sidecar, with a process and without: what no library for gRPC would send.

Each sequence is a client that mostly knows the protocol, and now and then does not. Whatever it sends, no exception
leaves the connection, no byte is sent beyond the windows it gave, and every stream learns of its end once.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias

import click
from support.sidecar.http2 import GREETING, SETTINGS_ACK, Remembering, request_block, setting, uint32

from extproc.transport.http2 import frames
from extproc.transport.http2.connection import Connection
from extproc.transport.http2.frames import frame

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVERY: Final = 15.0  # seconds between two lines about progress

_BLOCKS: Final = [request_block(path) for path in ("/", "/a", "/" + "long" * 50)]
Frame: TypeAlias = tuple[int, int, int, bytes]
"""Kind, flags, stream and payload."""

_STREAMS: Final = (1, 1, 1, 3, 3, 5, 7, 9, 0, 2, 2**31 - 1)


class _Talkative(Remembering):
    """A stream that answers whatever it is told with some bytes, and its end with an end."""

    __slots__ = ("connection", "rng", "sent_headers")

    def __init__(self, stream_id: int, window: int, path: str | None, *, rng: Random) -> None:
        super().__init__(stream_id, window, path)
        self.rng = rng
        self.sent_headers = False
        self.connection: Connection

    def data_received(self, data: bytes) -> None:
        """Answer."""
        super().data_received(data)
        if not self.sent_headers:
            self.sent_headers = True
            self.connection.sender.headers(self, b"\x88")
        self.connection.sender.data(self, bytes(self.rng.choice((1, 100, 20_000, 70_000))))

    def end_received(self) -> None:
        """End."""
        super().end_received()
        self.connection.sender.trailers(self, b"\x89")


class _Windows:
    """What the client has allowed us to send, read off its own frames as far as they are right."""

    def __init__(self) -> None:
        self.connection = self.initial = frames.DEFAULT_WINDOW
        self.streams: dict[int, int] = {}

    def hear(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Take one frame of the client's."""
        if kind == frames.WINDOW_UPDATE and len(payload) == 4:
            more = int.from_bytes(payload, "big") & frames.STREAM_ID
            if stream:
                self.streams[stream] = self.streams.get(stream, self.initial) + more
            else:
                self.connection += more
        elif kind == frames.SETTINGS and not flags & frames.ACK and len(payload) % 6 == 0:
            for name, value in frames.read_settings(payload):
                if name == frames.INITIAL_WINDOW_SIZE:
                    self.streams = {on: window + value - self.initial for on, window in self.streams.items()}
                    self.initial = value
        elif kind == frames.HEADERS:
            self.streams.setdefault(stream, self.initial)

    def spend(self, stream: int, size: int) -> bool:
        """Return whether *size* bytes of data on *stream* were allowed."""
        self.connection -= size
        self.streams[stream] = self.streams.get(stream, self.initial) - size
        return self.connection >= 0 and self.streams[stream] >= 0


def sequence(rng: Random) -> Iterator[Frame]:
    """Yield the frames of one client: a right one, but for the share of mistakes that it makes."""
    mistakes = rng.choice((0.0, 0.0, 0.02, 0.2))
    opened: list[int] = []
    sending: set[int] = set()
    for _ in range(rng.randrange(1, 60)):
        if rng.random() < mistakes:
            yield _mistake(rng)
        elif not sending or rng.randrange(5) == 0:
            stream = opened[-1] + 2 if opened else 1
            opened.append(stream)
            ends = rng.randrange(4) == 0
            if not ends:
                sending.add(stream)
            yield from _request(rng, stream, frames.END_STREAM if ends else 0)
        else:
            yield _of_an_open_stream(rng, opened, sending)


def _request(rng: Random, stream: int, flags: int) -> Iterator[Frame]:
    block = rng.choice(_BLOCKS)
    if rng.randrange(4):
        yield frames.HEADERS, flags | frames.END_HEADERS, stream, block
        return
    cut = rng.randrange(len(block))
    yield frames.HEADERS, flags, stream, block[:cut]
    yield frames.CONTINUATION, frames.END_HEADERS, stream, block[cut:]


def _of_an_open_stream(rng: Random, opened: list[int], sending: set[int]) -> Frame:  # noqa: PLR0911 - one a kind
    stream = rng.choice(sorted(sending))
    match rng.randrange(10):
        case 0 | 1 | 2 | 3:
            return frames.DATA, 0, stream, rng.randbytes(rng.choice((0, 1, 5, 100, 16_384)))
        case 4:
            sending.discard(stream)
            return frames.DATA, frames.END_STREAM, stream, rng.randbytes(rng.choice((0, 1, 100)))
        case 5:
            sending.discard(stream)
            return frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, stream, rng.choice(_BLOCKS)
        case 6:
            return frames.WINDOW_UPDATE, 0, rng.choice((0, *opened)), uint32(rng.choice((1, 1_000, 100_000)))
        case 7:
            sending.discard(stream)
            return frames.RST_STREAM, 0, stream, uint32(rng.randrange(14))
        case 8:
            value = rng.choice((0, 1, 16_384, 65_535, 10**6))
            return frames.SETTINGS, 0, 0, setting(frames.INITIAL_WINDOW_SIZE, value)
        case _:
            return frames.PING, rng.randrange(2), 0, rng.randbytes(8)


def _mistake(rng: Random) -> Frame:  # noqa: PLR0911 - one a kind
    stream = rng.choice(_STREAMS)
    match rng.randrange(8):
        case 0:
            return frames.HEADERS, rng.choice((4, 5, 0, 0x24, 0x0C)), stream, rng.choice(_BLOCKS)
        case 1:
            return frames.DATA, rng.choice((0, 1, 8, 9)), stream, rng.randbytes(rng.choice((0, 1, 100)))
        case 2:
            return frames.WINDOW_UPDATE, 0, stream, uint32(rng.choice((0, 2**30, 2**31 - 1)))
        case 3:
            return frames.RST_STREAM, 0, stream, uint32(0)
        case 4:
            value = rng.choice((0, 16_384, 2**24, 2**31 - 1, 2**31))
            return frames.SETTINGS, rng.randrange(2), rng.randrange(2), setting(rng.randrange(8), value)
        case 5:
            return frames.CONTINUATION, rng.choice((0, 4)), stream, b""
        case 6:
            return rng.randrange(10), 0, stream, rng.randbytes(rng.choice((3, 4, 6, 8)))
        case _:
            return rng.randrange(256), rng.randrange(256), stream, rng.randbytes(rng.randrange(60))


def play(seed: int, number: int) -> str:
    """Play the sequence of that *number*; return how the connection ended: "open", "closed".

    Raises:
        AssertionError: what must hold does not.
    """
    rng = Random(f"{seed} frames {number}")  # noqa: S311 - not for secrets
    streams: list[_Talkative] = []

    def new_stream(stream_id: int, window: int, path: str | None) -> _Talkative:
        stream = _Talkative(stream_id, window, path, rng=rng)
        stream.connection = connection
        streams.append(stream)
        return stream

    connection = Connection(new_stream, lambda: 0.0)
    windows = _Windows()
    connection.receive(GREETING + (SETTINGS_ACK if rng.randrange(2) else b""))
    for kind, flags, on, payload in sequence(rng):
        windows.hear(kind, flags, on, payload)
        whole = frame(kind, flags, on, payload)
        cut = rng.randrange(len(whole) + 1)
        connection.receive(whole[:cut])
        connection.receive(whole[cut:])
        _check(connection, windows)
    ended = "closed" if connection.closing else "open"
    connection.close()
    for stream in streams:
        assert stream.said[0] == "opened"
        assert stream.said.count("end") <= 1
        assert stream.said.count("aborted") <= 1
        assert stream.local_closed
    assert not connection.streams
    assert connection.sender.waiting == 0
    assert not connection.sender._blocked
    return ended


def _check(connection: Connection, windows: _Windows) -> None:
    """Look at what was sent: whole frames, within the windows."""
    output, connection.sender.output = connection.sender.output, []
    position, data = 0, b"".join(output)
    while position < len(data):
        length_and_kind, _, stream = frames.read_header(data, position)
        position += frames.HEADER_LENGTH + (length_and_kind >> 8)
        if length_and_kind & 0xFF == frames.DATA:
            assert windows.spend(stream, length_and_kind >> 8), "sent beyond the window"
    assert position == len(data)


@click.command()
@click.option("--sequences", default=100_000, show_default=True, help="How many to play.")
@click.option("--seed", type=int, help="Seed of all random numbers.  [default: another one each time]")
@click.option("--number", type=int, help="Play the sequence of this number only.")
def main(*, sequences: int, seed: int | None, number: int | None) -> None:
    """Play sequences of frames; ends at the first one after which something does not hold."""
    seed = secrets.randbelow(2**32) if seed is None else seed
    click.echo(f"seed {seed}")
    ends: Counter[str] = Counter()
    shown = time.monotonic()
    for current in range(sequences) if number is None else (number,):
        try:
            ends[play(seed, current)] += 1
        except BaseException:
            click.echo(f"sequence {current}: repeat it with --seed {seed} --number {current}")
            raise
        if time.monotonic() > shown + _EVERY:
            shown = time.monotonic()
            click.echo(f"{current + 1:,} of {sequences:,} sequences")
    click.echo(f"{ends.total():,} sequences: {ends['open']:,} went well, {ends['closed']:,} were hung up on")


if __name__ == "__main__":
    main()
