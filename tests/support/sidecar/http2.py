"""The client's side of HTTP/2 as bytes, and streams that remember what they were told."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import hpack

from extproc.transport.http2 import frames
from extproc.transport.http2.connection import Connection
from extproc.transport.http2.frames import frame
from extproc.transport.http2.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

GREETING = frames.PREFACE + frame(frames.SETTINGS, 0, 0)
SETTINGS_ACK = frame(frames.SETTINGS, frames.ACK, 0)


def request_block(path: str = "/", *more: tuple[str, str]) -> bytes:
    """Return the headers of a call, without any use of a dynamic table."""
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"), *more]
    return encoder.encode([hpack.NeverIndexedHeaderTuple(*field) for field in fields])


def request(stream: int, path: str = "/", *, end: bool = False) -> bytes:
    """Return the frame that opens *stream*."""
    return frame(frames.HEADERS, frames.END_HEADERS | (frames.END_STREAM if end else 0), stream, request_block(path))


def data(stream: int, payload: bytes, *, end: bool = False) -> bytes:
    """Return a frame with *payload*."""
    return frame(frames.DATA, frames.END_STREAM if end else 0, stream, payload)


def uint32(value: int) -> bytes:
    """Return the payload of a WINDOW_UPDATE or RST_STREAM."""
    return struct.pack(">I", value)


def setting(name: int, value: int) -> bytes:
    """Return one setting."""
    return struct.pack(">HI", name, value)


def read_frames(output: bytes) -> list[tuple[int, int, int, bytes]]:
    """Return (kind, flags, stream, payload) of every frame of *output*, which must hold whole ones."""
    found, position = [], 0
    while position < len(output):
        length_and_kind, flags, stream = frames.read_header(output, position)
        start = position + frames.HEADER_LENGTH
        position = start + (length_and_kind >> 8)
        assert position <= len(output)
        found.append((length_and_kind & 0xFF, flags, stream, output[start:position]))
    return found


class Remembering(Stream):
    """A stream that remembers; *said* is what it was told, in order."""

    __slots__ = ("path", "said")

    def __init__(self, stream_id: int, window: int, path: str | None) -> None:
        super().__init__(stream_id, window)
        self.path = path
        self.said: list[bytes | str] = []

    def opened(self) -> None:
        """Remember it."""
        self.said.append("opened")

    def data_received(self, data: bytes) -> None:
        """Remember it."""
        self.said.append(data)

    def end_received(self) -> None:
        """Remember it."""
        self.said.append("end")

    def aborted(self) -> None:
        """Remember it."""
        self.said.append("aborted")


class Server:
    """A connection whose output is read; *seconds* is what its clock shows."""

    def __init__(self, *input_: bytes) -> None:
        self.seconds = 0.0
        self.opened: list[Remembering] = []
        self.connection = Connection(self._new, lambda: self.seconds)
        for piece in (GREETING, *input_):
            self.connection.receive(piece)
        self.output()

    def _new(self, stream_id: int, window: int, path: str | None) -> Remembering:
        stream = Remembering(stream_id, window, path)
        self.opened.append(stream)
        return stream

    def hear(self, *input_: bytes) -> list[tuple[int, int, int, bytes]]:
        """Take *input_* and return what it leads to."""
        self.output()
        for piece in input_:
            self.connection.receive(piece)
        return self.output()

    def output(self) -> list[tuple[int, int, int, bytes]]:
        """Return the frames that are to be written, once."""
        sender = self.connection.sender
        output, sender.output = sender.output, []
        return read_frames(b"".join(output))

    def fault(self, *input_: bytes) -> int | None:
        """Return the code with which *input_* ends the connection; None: it does not."""
        for kind, _, _, payload in self.hear(*input_):
            if kind == frames.GOAWAY:
                assert self.connection.closing
                return int.from_bytes(payload[4:8], "big")
        assert not self.connection.closing
        return None


def kinds(found: Iterable[tuple[int, int, int, bytes]]) -> list[int]:
    """Return the kinds of frames."""
    return [kind for kind, _, _, _ in found]
