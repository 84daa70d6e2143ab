"""Header blocks: a request's path is all that is read, a response's are few and written out in advance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import hpack

from extproc.transport.http2.errors import Http2Error
from extproc.transport.http2.frames import COMPRESSION_ERROR, PROTOCOL_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_LIST: Final = 16 * 1024
"""Bytes that one request's headers may have, uncompressed (SETTINGS_MAX_HEADER_LIST_SIZE); gRPC calls have some
hundred. A call with more is refused."""

LONGEST_BLOCK: Final = 1024 * 1024
"""Bytes that are read of headers, compressed or not, before the connection is given up: the table that they may change
is for all of its calls."""

_OVERHEAD: Final = 32  # what a field counts beyond its bytes (RFC 9113 section 6.5.2)

_MOST_REMEMBERED: Final = 256
_LONGEST_REMEMBERED: Final = 1024

_STATUS_200: Final = b"\x88"  # RFC 7541 appendix A, index 8
_LONGEST_LITERAL: Final = 126
"""What fits into one byte of a seven-bit prefix (RFC 7541 section 5.1)."""


class RequestPaths:
    """Reads the `:path` of request header blocks; mutable, one a connection.

    Decompression costs more than all else that is done with a stream. So our settings allow the peer no dynamic table
    (SETTINGS_HEADER_TABLE_SIZE 0): from its acknowledgement on every block stands for itself, and the same bytes mean
    the same headers. Until then the peer may use the default table of 4,096 bytes (RFC 7541 section 4.2).
    """

    def __init__(self) -> None:
        self._decoder = hpack.Decoder(max_header_list_size=LONGEST_BLOCK)
        self._remembered: dict[bytes, str] = {}

    def no_dynamic_table(self) -> None:
        """Handle that the peer has acknowledged the size of 0."""
        self._decoder.max_allowed_table_size = 0

    def path(self, block: bytes) -> str | None:
        """Return the path that *block* asks for; None: its headers are too many.

        Raises:
            Http2Error: the block cannot be read, or is no request: the table is lost, and so is the connection.
        """
        path = self._remembered.get(block)
        if path is not None:
            return path
        try:
            fields = self._decoder.decode(block, raw=True)
        except hpack.HPACKError as error:
            raise Http2Error(COMPRESSION_ERROR, "header block") from error
        if sum(len(name) + len(value) + _OVERHEAD for name, value in fields) > LONGEST_LIST:
            return None
        found = [value for name, value in fields if name == b":path"]
        if len(found) != 1:
            raise Http2Error(PROTOCOL_ERROR, "a request has one path")
        path = found[0].decode("latin-1")
        stands_alone = self._decoder.max_allowed_table_size == 0 and self._decoder.header_table_size == 0
        if stands_alone and len(block) <= _LONGEST_REMEMBERED and len(self._remembered) < _MOST_REMEMBERED:
            self._remembered[block] = path
        return path

    def skip(self, block: bytes) -> None:
        """Read *block* for what it does to the table only: trailers.

        Raises:
            Http2Error: it cannot be read.
        """
        try:
            self._decoder.decode(block, raw=True)
        except hpack.HPACKError as error:
            raise Http2Error(COMPRESSION_ERROR, "header block") from error


def response_block(fields: Iterable[tuple[bytes, bytes]], *, status: bool) -> bytes:
    """Return *fields* as literals without indexing, after `:status: 200` if *status* (RFC 7541 section 6).

    Values are cut to what one byte of length can say.
    """
    parts = [_STATUS_200] if status else []
    for name, value in fields:
        shown = value[:_LONGEST_LITERAL]
        parts.append(b"\x00" + bytes((len(name),)) + name + bytes((len(shown),)) + shown)
    return b"".join(parts)
