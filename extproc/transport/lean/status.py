"""How a gRPC call ends (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from extproc.transport.http2.headers import response_block


class Status(IntEnum):
    """The status codes that are used (grpc/grpc, doc/statuscodes.md)."""

    OK = 0
    INVALID_ARGUMENT = 3  # the peer's messages make no sense
    NOT_FOUND = 5  # health of a service that is not there
    RESOURCE_EXHAUSTED = 8  # a message, or all of them together, is too large
    UNIMPLEMENTED = 12  # no such method, or a compressed message
    INTERNAL = 13  # a fault of ours, or a message that breaks off
    UNAVAILABLE = 14  # this worker is stopping: another one may take the call


_CONTENT_TYPE: Final = (b"content-type", b"application/grpc")

HEADERS: Final = response_block([_CONTENT_TYPE], status=True)
"""What comes before the first message."""

_OK: Final = response_block([(b"grpc-status", b"0")], status=False)


def trailers(status: Status, details: str = "") -> bytes:
    """Return the header block after the last message; *details* are ASCII without `%`."""
    if status is Status.OK:
        return _OK
    return response_block(_fields(status, details), status=False)


def trailers_only(status: Status, details: str = "") -> bytes:
    """Return the header block of a call that ends without any message."""
    return response_block([_CONTENT_TYPE, *_fields(status, details)], status=True)


def _fields(status: Status, details: str) -> list[tuple[bytes, bytes]]:
    return [(b"grpc-status", str(int(status)).encode()), (b"grpc-message", details.encode("ascii"))]
