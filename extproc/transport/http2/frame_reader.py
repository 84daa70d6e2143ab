"""Bytes to frames: what can be said of a frame without knowing of any stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from extproc.transport.http2 import frames
from extproc.transport.http2.errors import Http2Error
from extproc.transport.http2.headers import LONGEST_BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FRAME: Final = frames.SMALLEST_MAX_FRAME
"""Longest payload that is taken, which is also a peer's limit until our settings raise it."""

_MOST_PARTS: Final = 128
"""Frames that the headers of one request may come in."""


class Frame(NamedTuple):
    """A frame without padding and priority; HEADERS are whole, whatever number of frames they came in."""

    kind: int
    flags: int
    stream: int
    payload: bytes
    size: int  # of the payload as it came: what counts towards windows


class FrameReader:
    """Takes bytes in pieces of any size; mutable, one a connection."""

    def __init__(self) -> None:
        self._unread: bytes = b""
        self._began = False  # the preface is there
        self._greeted = False  # ... and a frame of settings
        self._headers: Frame | None = None  # that more parts follow
        self._parts: list[bytes] = []

    def read(self, data: bytes) -> Iterator[Frame]:
        """Yield every frame that *data* completes.

        Raises:
            Http2Error: what is there is no frame, or cannot come there.
        """
        if self._unread:
            data = self._unread + data
        position, size = 0, len(data)
        if not self._began:
            if data[: len(frames.PREFACE)] != frames.PREFACE[:size]:
                raise Http2Error(frames.PROTOCOL_ERROR, "not the preface of HTTP/2")
            if size < len(frames.PREFACE):
                self._unread = data
                return
            self._began, position = True, len(frames.PREFACE)
        while size - position >= frames.HEADER_LENGTH:
            length_and_kind, flags, stream = frames.read_header(data, position)
            length = length_and_kind >> 8
            if length > MAX_FRAME:
                raise Http2Error(frames.FRAME_SIZE_ERROR, "too long a frame")
            start = position + frames.HEADER_LENGTH
            if start + length > size:
                break
            position = start + length
            payload = data[start:position]
            frame = self._checked(Frame(length_and_kind & 0xFF, flags, stream & frames.STREAM_ID, payload, length))
            if frame is not None:
                yield frame
        self._unread = data[position:]

    def _checked(self, frame: Frame) -> Frame | None:
        """Return *frame* as it is passed on; None when it is a part of what is not complete yet."""
        if self._headers is not None:
            return self._continued(self._headers, frame)
        if not self._greeted:
            if frame.kind != frames.SETTINGS or frame.flags & frames.ACK:
                raise Http2Error(frames.PROTOCOL_ERROR, "settings come first")
            self._greeted = True
        if frame.kind == frames.DATA:
            return _unpadded(frame) if frame.flags & frames.PADDED else frame
        if frame.kind != frames.HEADERS:
            return frame
        if frame.flags & frames.PADDED:
            frame = _unpadded(frame)
        if frame.flags & frames.WITH_PRIORITY:
            if len(frame.payload) < _PRIORITY_LENGTH:
                raise Http2Error(frames.FRAME_SIZE_ERROR, "no room for the priority")
            frame = frame._replace(payload=frame.payload[_PRIORITY_LENGTH:])
        if frame.flags & frames.END_HEADERS:
            return frame
        self._headers, self._parts = frame, [frame.payload]
        return None

    def _continued(self, headers: Frame, frame: Frame) -> Frame | None:
        if frame.kind != frames.CONTINUATION or frame.stream != headers.stream:
            raise Http2Error(frames.PROTOCOL_ERROR, "headers that were not finished")
        self._parts.append(frame.payload)
        if len(self._parts) > _MOST_PARTS or sum(map(len, self._parts)) > LONGEST_BLOCK:
            raise Http2Error(frames.ENHANCE_YOUR_CALM, "headers without end")
        if not frame.flags & frames.END_HEADERS:
            return None
        self._headers = None
        return headers._replace(payload=b"".join(self._parts))


_PRIORITY_LENGTH: Final = 5


def _unpadded(frame: Frame) -> Frame:
    """Return *frame* without its padding (RFC 9113 section 6.1)."""
    if not frame.payload:
        raise Http2Error(frames.FRAME_SIZE_ERROR, "no room for the length of the padding")
    end = len(frame.payload) - frame.payload[0]
    if end < 1:
        raise Http2Error(frames.PROTOCOL_ERROR, "more padding than frame")
    return frame._replace(payload=frame.payload[1:end])
