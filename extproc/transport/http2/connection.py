"""The server's side of one connection: frames in, frames out."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from extproc.transport.http2 import frames
from extproc.transport.http2.errors import Http2Error
from extproc.transport.http2.flood import FloodGuard
from extproc.transport.http2.frame_reader import FrameReader
from extproc.transport.http2.headers import LONGEST_LIST, RequestPaths
from extproc.transport.http2.receiving import CONNECTION_WINDOW, STREAM_WINDOW, ReceiveWindow
from extproc.transport.http2.sending import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extproc.transport.http2.frame_reader import Frame
    from extproc.transport.http2.stream import Stream

MAX_STREAMS: Final = 100_000

_SETTINGS: Final = {
    frames.HEADER_TABLE_SIZE: 0,
    frames.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    frames.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
    frames.MAX_HEADER_LIST_SIZE: LONGEST_LIST,
}
_GREETING: Final = frames.settings(_SETTINGS) + frames.window_update(0, CONNECTION_WINDOW - frames.DEFAULT_WINDOW)
_UINT32_LENGTH: Final = 4


class Connection:
    """One connection; mutable. What is to be written gathers in `sender.output`.

    *new_stream* is called with the identifier, the send window and the path of each request (None: its headers are too
    many), and returns its stream;
    *clock* gives seconds and never runs backwards.
    """

    def __init__(self, new_stream: Callable[[int, int, str | None], Stream], clock: Callable[[], float]) -> None:
        self.streams: dict[int, Stream] = {}
        self.sender = Sender(self._ended)
        self.sender.output.append(_GREETING)
        self.closing = False
        """Nothing more is read, and the transport is to be closed once all is written."""
        self._new_stream = new_stream
        self._clock = clock
        self._guard = FloodGuard(clock())
        self._paths = RequestPaths()
        self._reader = FrameReader()
        self._last_stream = 0
        self._receive_window = ReceiveWindow(0, CONNECTION_WINDOW)

    def receive(self, data: bytes) -> None:
        """Take what the peer has sent; a breach of the rules ends the connection."""
        if self.closing:
            return
        try:
            for frame in self._reader.read(data):
                self._BY_KIND.get(frame.kind, Connection._ignored)(self, frame)
        except Http2Error as error:
            self.close(error.code)
            return

    def close(self, code: int = frames.NO_ERROR) -> None:
        """End the connection and every stream on it."""
        if self.closing:
            return
        self.sender.output.append(frames.goaway(self._last_stream, code))
        self.lost()

    def lost(self) -> None:
        """Handle the loss of the peer."""
        self.closing = True
        streams, self.streams = list(self.streams.values()), {}
        for stream in streams:
            self._drop(stream)

    def ping(self) -> None:
        """Send a PING: a peer that is alive acknowledges it."""
        self.sender.output.append(frames.frame(frames.PING, 0, 0, b"extproc?"))

    def _ended(self, stream: Stream) -> None:
        """Handle that all of *stream* is sent.

        If the peer has not ended its side, a RST_STREAM stops the rest of it (RFC 9113 section 8.1).
        """
        stream.local_closed = True
        del self.streams[stream.id]
        if not stream.remote_closed:
            self.sender.output.append(frames.rst_stream(stream.id, frames.NO_ERROR))

    def _data(self, frame: Frame) -> None:
        self._allow(self._receive_window.take(frame.size))
        ends = frame.flags & frames.END_STREAM
        if not frame.payload and not ends:
            self._guard.spend(self._clock())
        stream = self.streams.get(frame.stream)
        if stream is None:
            self._of_a_closed_stream(frame.stream)
            return
        if stream.remote_closed:
            raise Http2Error(frames.STREAM_CLOSED, "data after the end")
        self._allow(stream.receive_window.take(frame.size))
        if ends:
            stream.remote_closed = True
        if frame.payload:
            stream.data_received(frame.payload)
        if ends and not stream.local_closed:
            stream.end_received()

    def _allow(self, update: bytes | None) -> None:
        if update is not None:
            self.sender.output.append(update)

    def _of_a_closed_stream(self, stream_id: int) -> None:
        """Take a frame that was on its way when its stream ended here; of one that never was, it is a fault."""
        if stream_id > self._last_stream or not stream_id & 1:
            raise Http2Error(frames.PROTOCOL_ERROR, "a stream that was never opened")
        self._guard.spend(self._clock())

    def _headers(self, frame: Frame) -> None:
        if not frame.stream & 1:
            raise Http2Error(frames.PROTOCOL_ERROR, "a client's streams have odd numbers")
        if frame.stream <= self._last_stream:
            self._trailers(frame)
            return
        path = self._paths.path(frame.payload)
        self._last_stream = frame.stream
        if len(self.streams) >= MAX_STREAMS:
            self.sender.output.append(frames.rst_stream(frame.stream, frames.REFUSED_STREAM))
            return
        stream = self.streams[frame.stream] = self._new_stream(frame.stream, self.sender.initial_window, path)
        stream.remote_closed = bool(frame.flags & frames.END_STREAM)
        stream.opened()
        if stream.remote_closed and not stream.local_closed:
            stream.end_received()

    def _trailers(self, frame: Frame) -> None:
        self._paths.skip(frame.payload)
        stream = self.streams.get(frame.stream)
        if stream is None:
            self._guard.spend(self._clock())
            return
        if stream.remote_closed:
            raise Http2Error(frames.STREAM_CLOSED, "headers after the end")
        if not frame.flags & frames.END_STREAM:
            raise Http2Error(frames.PROTOCOL_ERROR, "trailers come last")
        stream.remote_closed = True
        stream.end_received()

    def _window_update(self, frame: Frame) -> None:
        if len(frame.payload) != _UINT32_LENGTH:
            raise Http2Error(frames.FRAME_SIZE_ERROR, "WINDOW_UPDATE")
        increment = int.from_bytes(frame.payload, "big") & frames.STREAM_ID
        if not increment:
            raise Http2Error(frames.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
        self._guard.spend(self._clock())
        if frame.stream == 0:
            self.sender.widen_connection(increment)
        elif (stream := self.streams.get(frame.stream)) is not None:
            self.sender.widen(stream, increment)
        else:
            self._of_a_closed_stream(frame.stream)

    def _rst_stream(self, frame: Frame) -> None:
        if len(frame.payload) != _UINT32_LENGTH:
            raise Http2Error(frames.FRAME_SIZE_ERROR, "RST_STREAM")
        self._guard.spend(self._clock())
        stream = self.streams.pop(frame.stream, None)
        if stream is None:
            self._of_a_closed_stream(frame.stream)
        else:
            self._drop(stream)

    def _settings(self, frame: Frame) -> None:
        if frame.stream:
            raise Http2Error(frames.PROTOCOL_ERROR, "SETTINGS of a stream")
        if len(frame.payload) % frames.SETTING_LENGTH or (frame.flags & frames.ACK and frame.payload):
            raise Http2Error(frames.FRAME_SIZE_ERROR, "SETTINGS")
        self._guard.spend(self._clock())
        if frame.flags & frames.ACK:
            self._paths.no_dynamic_table()
            return
        for name, value in frames.read_settings(frame.payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                self.sender.new_initial_window(value, self.streams.values())
            elif name == frames.MAX_FRAME_SIZE:
                self.sender.new_max_frame(value)
        self.sender.output.append(frames.frame(frames.SETTINGS, frames.ACK, 0))

    def _ping(self, frame: Frame) -> None:
        if frame.stream:
            raise Http2Error(frames.PROTOCOL_ERROR, "PING of a stream")
        if len(frame.payload) != frames.PING_LENGTH:
            raise Http2Error(frames.FRAME_SIZE_ERROR, "PING")
        self._guard.spend(self._clock())
        if not frame.flags & frames.ACK:
            self.sender.output.append(frames.frame(frames.PING, frames.ACK, 0, frame.payload))

    def _goaway(self, frame: Frame) -> None:
        """Go on: what the peer has begun it will end, and it closes the connection itself."""
        if frame.stream:
            raise Http2Error(frames.PROTOCOL_ERROR, "GOAWAY of a stream")
        self._guard.spend(self._clock())

    def _misplaced(self, _frame: Frame) -> None:
        raise Http2Error(frames.PROTOCOL_ERROR, "a frame that cannot come from a client, or not there")

    def _ignored(self, _frame: Frame) -> None:
        """Do nothing for PRIORITY and for what is not known (RFC 9113 sections 5.3.2 and 4.1)."""
        self._guard.spend(self._clock())

    def _drop(self, stream: Stream) -> None:
        self.sender.forget(stream)
        stream.remote_closed = stream.local_closed = True
        stream.aborted()

    _BY_KIND: ClassVar[Mapping[int, Callable[[Connection, Frame], None]]] = MappingProxyType(
        {
            frames.DATA: _data,
            frames.HEADERS: _headers,
            frames.RST_STREAM: _rst_stream,
            frames.SETTINGS: _settings,
            frames.PUSH_PROMISE: _misplaced,
            frames.PING: _ping,
            frames.GOAWAY: _goaway,
            frames.WINDOW_UPDATE: _window_update,
            frames.CONTINUATION: _misplaced,
        }
    )
