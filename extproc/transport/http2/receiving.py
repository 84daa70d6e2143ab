"""How much the peer may send (RFC 9113 section 5.2): what has come is allowed again, by and by."""

from __future__ import annotations

from typing import Final

from extproc.transport.http2 import frames
from extproc.transport.http2.errors import Http2Error

STREAM_WINDOW: Final = 1024 * 1024
"""Bytes that the peer may send on a stream before it hears of us. On one host that slows nothing down; and it is how
much of each large body a ping may have to wait for."""

CONNECTION_WINDOW: Final = 2**30
"""The same for all streams: never what limits, as many large bodies may come at once, each in pieces."""


class ReceiveWindow:
    """Counts what has come of a stream or a connection; mutable."""

    __slots__ = ("_size", "_stream_id", "_unacknowledged")

    def __init__(self, stream_id: int, size: int) -> None:
        self._stream_id = stream_id  # 0: the connection
        self._size = size
        self._unacknowledged = 0

    def take(self, size: int) -> bytes | None:
        """Count *size* bytes; return the frame that allows as many again, when it is time for one.

        Raises:
            Http2Error: the peer was not allowed to send them.
        """
        self._unacknowledged += size
        if self._unacknowledged > self._size:
            raise Http2Error(frames.FLOW_CONTROL_ERROR, "more than the window")
        if self._unacknowledged <= self._size >> 1:
            return None
        update, self._unacknowledged = frames.window_update(self._stream_id, self._unacknowledged), 0
        return update
