"""How clients compress what they send."""

from __future__ import annotations

import gzip
import sys
import zlib
from types import MappingProxyType
from typing import TYPE_CHECKING

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def gzipped(body: bytes) -> bytes:
    """Return *body* as gzip writes it, without the time: what tests are named after is the same in every process."""
    return gzip.compress(body, mtime=0)


def zstd_compress(body: bytes) -> bytes:
    """Return *body* as one frame of zstd."""
    return zstd.compress(body)


def wide_zstd(body: bytes) -> bytes:
    """Return *body* as a frame that asks its reader for a window of 16 MiB."""
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 24, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    return compressor.compress(body) + compressor.flush()


FRAMED: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType({"gzip": gzipped, "zstd": zstd_compress})
"""Formats in which several compressed bodies may stand in a row."""

WAYS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType({**FRAMED, "x-gzip": gzipped, "deflate": zlib.compress})
"""By their name in `Content-Encoding`."""
