"""What is sent, as far as the peer's windows let it (RFC 9113 section 5.2)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from extproc.transport.http2 import frames
from extproc.transport.http2.errors import Http2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from extproc.transport.http2.stream import Stream


class Sender:
    """The frames of one connection that are to be written, and the data that waits for a window; mutable."""

    def __init__(self, ended: Callable[[Stream], None]) -> None:
        self._ended = ended  # called with each stream whose trailers were sent
        self.output: list[bytes | memoryview] = []
        self.initial_window = frames.DEFAULT_WINDOW
        self.waiting = 0
        """Bytes that wait for a window."""
        self._window = frames.DEFAULT_WINDOW
        self._max_frame = frames.SMALLEST_MAX_FRAME
        self._blocked: dict[int, Stream] = {}

    def headers(self, stream: Stream, block: bytes) -> None:
        """Send the headers that *block* is, before any data."""
        self.output.append(frames.frame(frames.HEADERS, frames.END_HEADERS, stream.id, block))

    def data(self, stream: Stream, data: bytes) -> None:
        """Send *data*, now or when the windows allow it."""
        size = len(data)
        if stream.pending is None and size <= stream.window and size <= self._window and size <= self._max_frame:
            stream.window -= size
            self._window -= size
            self.output.append(frames.frame_header(frames.DATA, 0, stream.id, size))
            self.output.append(data)
            return
        if stream.pending is None:
            stream.pending = deque()
        stream.pending.append(memoryview(data))
        self.waiting += size
        self._blocked[stream.id] = stream
        self._send_waiting(stream)

    def trailers(self, stream: Stream, block: bytes) -> None:
        """End *stream* with *block*, after all of its data."""
        if stream.pending is None:
            flags = frames.END_HEADERS | frames.END_STREAM
            self.output.append(frames.frame(frames.HEADERS, flags, stream.id, block))
            self._ended(stream)
        else:
            stream.trailers = block

    def widen(self, stream: Stream, increment: int) -> None:
        """Let *stream* send *increment* bytes more.

        Raises:
            Http2Error: that is more than a window can have.
        """
        stream.window += increment
        if stream.window > frames.LARGEST_WINDOW:
            raise Http2Error(frames.FLOW_CONTROL_ERROR, "stream window")
        if stream.pending is not None:
            self._send_waiting(stream)

    def widen_connection(self, increment: int) -> None:
        """Let all streams together send *increment* bytes more.

        Raises:
            Http2Error: that is more than a window can have.
        """
        self._window += increment
        if self._window > frames.LARGEST_WINDOW:
            raise Http2Error(frames.FLOW_CONTROL_ERROR, "connection window")
        for stream in list(self._blocked.values()):
            if self._window <= 0:
                break
            self._send_waiting(stream)

    def new_initial_window(self, value: int, streams: Iterable[Stream]) -> None:
        """Change the window that streams begin with; those that are open change by the difference.

        Raises:
            Http2Error: that is more than a window can have.
        """
        if value > frames.LARGEST_WINDOW:
            raise Http2Error(frames.FLOW_CONTROL_ERROR, "initial window")
        difference, self.initial_window = value - self.initial_window, value
        for stream in list(streams):
            self.widen(stream, difference)

    def new_max_frame(self, value: int) -> None:
        """Change how large a frame may be.

        Raises:
            Http2Error: it may not be of that size.
        """
        if not frames.SMALLEST_MAX_FRAME <= value <= frames.LARGEST_MAX_FRAME:
            raise Http2Error(frames.PROTOCOL_ERROR, "frame size")
        self._max_frame = value

    def forget(self, stream: Stream) -> None:
        """Send nothing more of *stream*."""
        if stream.pending is not None:
            self.waiting -= sum(map(len, stream.pending))
            stream.pending = None
            self._blocked.pop(stream.id, None)

    def _send_waiting(self, stream: Stream) -> None:
        pending = stream.pending
        while pending:
            view = pending[0]
            size = min(len(view), stream.window, self._window, self._max_frame)
            if size <= 0:
                return
            self.output.append(frames.frame_header(frames.DATA, 0, stream.id, size))
            self.output.append(view[:size])
            stream.window -= size
            self._window -= size
            self.waiting -= size
            if size == len(view):
                pending.popleft()
            else:
                pending[0] = view[size:]
        stream.pending = None
        self._blocked.pop(stream.id, None)
        if stream.trailers is not None:
            self.trailers(stream, stream.trailers)
