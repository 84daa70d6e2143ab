"""Bodies that are compressed, and the bytes that they stand for.

One call of a decompressor with a limit of its own reads a body: it stops there, however much more would come.
"""

from __future__ import annotations

import sys
import zlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from extproc.value import value

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST_EXPANDED: Final = 100
"""How many times its size a body may become, as in Envoy's own decompressor (`max_inflate_ratio`) ..."""

ALWAYS_ALLOWED: Final = 1024 * 1024
"""... unless it stays below this: so much is no burden, and a text that repeats itself shrinks to almost nothing."""

MOST_FRAMES: Final = 16
"""A body may consist of several compressed ones in a row (RFC 1952 section 2.2, RFC 8878 section 3). Each further one
costs a copy of what follows it."""

_WINDOW_LOG: Final = 23
"""8 MiB: no window may be larger in HTTP (RFC 9659), and each byte of it is memory."""


@value
class Undecodable:
    """A body that cannot be read; *problem* says why, *too_large* that it would come to more than is allowed."""

    problem: str
    too_large: bool = False


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _gzip() -> _Decompressor:
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _zlib() -> _Decompressor:
    return zlib.decompressobj(zlib.MAX_WBITS)


def _zstd() -> _Decompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})


# RFC 9110 section 8.4.1: x-gzip is gzip, and deflate is the zlib format.
_DECOMPRESSORS: Final[Mapping[str, Callable[[], _Decompressor]]] = MappingProxyType(
    {"gzip": _gzip, "x-gzip": _gzip, "zstd": _zstd, "deflate": _zlib}
)
CODINGS: Final = ("gzip", "zstd", "deflate")
"""What can be read, as `Accept-Encoding` says it."""


def is_known(codings: Sequence[str]) -> bool:
    """Return whether a body that was encoded so can be read."""
    return len(codings) <= 1 and _DECOMPRESSORS.keys() >= set(codings)


def decoded(body: bytes, codings: Sequence[str], *, limit: int) -> bytes | Undecodable:
    """Return what *body* stands for, which was encoded by *codings*, the last one last: at most *limit* bytes."""
    if not codings:
        return body
    new = _DECOMPRESSORS.get(codings[0])
    if new is None or len(codings) > 1:
        is_none = f"its content encoding is none of {', '.join(CODINGS)}"
        return Undecodable(is_none if new is None else "it is encoded more than once")
    most = min(limit, max(ALWAYS_ALLOWED, MOST_EXPANDED * len(body)))
    try:
        content = _expanded(body, new, most)
    except (zlib.error, zstd.ZstdError):
        return Undecodable("it is not what its content encoding says")
    if content is None:
        return Undecodable("it is cut off, or something else follows it")
    if len(content) > most:
        return Undecodable(f"decompressed, it has more than {most:,} bytes", too_large=True)
    return content


def _expanded(body: bytes, new: Callable[[], _Decompressor], most: int) -> bytes | None:
    """Return what *body* stands for, or the first bytes of it, if that is more than *most*; None: it does not end.

    Raises:
        zlib.error, zstd.ZstdError: it is not what it should be.
    """
    content = b""
    for _ in range(MOST_FRAMES):
        decompressor = new()
        content += decompressor.decompress(body, most + 1 - len(content))
        if len(content) > most:
            return content
        if not decompressor.eof:
            return None
        body = decompressor.unused_data
        if not body:
            return content
    return None
