"""One stream: what is known of it, and what waits to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.transport.http2.receiving import STREAM_WINDOW, ReceiveWindow

if TYPE_CHECKING:
    from collections import deque


class Stream:
    """One stream of a connection, open until both sides have ended it. Mutable.

    A subclass says what the bytes mean. Its methods are called by the connection, which sends what they leave there.
    """

    __slots__ = ("id", "local_closed", "pending", "receive_window", "remote_closed", "trailers", "window")

    def __init__(self, stream_id: int, window: int) -> None:
        self.id = stream_id
        self.window = window  # bytes that the peer lets us send
        self.receive_window = ReceiveWindow(stream_id, STREAM_WINDOW)
        self.pending: deque[memoryview] | None = None  # what the window has no room for
        self.trailers: bytes | None = None  # the header block that ends it, once the rest is sent
        self.remote_closed = False
        self.local_closed = False

    def opened(self) -> None:
        """Handle its beginning; from here on, it may be written to."""
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        """Take what the peer has sent."""
        raise NotImplementedError

    def end_received(self) -> None:
        """Handle that the peer sends nothing more on it."""
        raise NotImplementedError

    def aborted(self) -> None:
        """Handle its end: reset by the peer, or with the connection. Nothing can be sent any more."""
        raise NotImplementedError
