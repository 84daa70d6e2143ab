"""Messages in a stream of bytes: five bytes of prefix before each (grpc/grpc, doc/PROTOCOL-HTTP2.md)."""

from __future__ import annotations

from struct import Struct
from typing import Final

from extproc.transport.lean.status import Status

_PREFIX: Final = Struct(">BI")
_PREFIX_LENGTH: Final = 5


class MessageRefusedError(Exception):
    """A message that is not taken; the call ends with *status*."""

    def __init__(self, status: Status, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.details = details


class MessageReader:
    """Puts messages together, in time that is linear in their length; mutable, one a stream."""

    __slots__ = ("_begun", "_length", "_limit", "_parts")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] | None = None  # of a message that is not complete, without a whole prefix
        self._begun = 0  # bytes in them
        self._length = 0  # what the message has with its prefix; as long as that is not known, the prefix's length

    @property
    def held(self) -> int:
        """Bytes of a message that is not complete."""
        return self._begun

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that *data* completes.

        Raises:
            MessageRefusedError: one is compressed, or has more than *limit* bytes.
        """
        if self._parts is None and len(data) >= _PREFIX_LENGTH and self._announced(data) == len(data):
            return [data[_PREFIX_LENGTH:]]  # by far the most frequent case
        return self._feed_in_parts(data)

    def _feed_in_parts(self, data: bytes) -> list[bytes]:
        messages: list[bytes] = []
        start, end = 0, len(data)
        while start < end:
            if self._parts is None:
                self._parts, self._length = [], _PREFIX_LENGTH
            taken = min(end - start, self._length - self._begun)
            self._parts.append(data[start : start + taken])
            self._begun += taken
            start += taken
            if self._begun == self._length == _PREFIX_LENGTH:
                self._length = self._announced(b"".join(self._parts))
                self._parts = []
            if self._begun == self._length:
                messages.append(b"".join(self._parts))
                self._parts, self._begun = None, 0
        return messages

    def _announced(self, data: bytes) -> int:
        """Return the length of the message that *data* begins with, its prefix included."""
        compressed, length = data[0], int.from_bytes(data[1:_PREFIX_LENGTH], "big")
        if compressed:
            raise MessageRefusedError(Status.UNIMPLEMENTED, "messages must not be compressed")
        if length > self._limit:
            raise MessageRefusedError(Status.RESOURCE_EXHAUSTED, "the message is too large")
        return length + _PREFIX_LENGTH


def prefix(length: int) -> bytes:
    """Return what is sent before a message of that *length*."""
    return _PREFIX.pack(0, length)


def prefixed(message: bytes) -> bytes:
    """Return *message* as it is sent."""
    return prefix(len(message)) + message
