"""Settings of the C library's allocator: reuse of freed memory, and its return to the system."""

from __future__ import annotations

import asyncio
import ctypes
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT: Final = 32 * 1024 * 1024
"""Bytes: the largest allocation that is served from the heap, and how much may stay free at its end. The GNU C
library takes no larger value for the first; larger allocations are rare enough to be mapped and unmapped each time."""

_INTERVAL: Final = 10.0
"""Seconds between two returns of freed memory to the system."""

# malloc.h of the GNU C library
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_blocks() -> bool:
    """Reuse freed allocations of any body's size; return whether the allocator supports that (mallopt(3)).

    Newly mapped memory costs a page fault for every 4 KiB: for a body of 2 MB, which is copied several times, more time
    than all other work on it. Small allocations then fragment the heap, and a process would grow for as long as bodies
    of megabytes arrive: `return_freed_memory` prevents that.
    """
    mallopt = _function("mallopt")
    return mallopt is not None and all(mallopt(option, _KEPT) == 1 for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))


async def return_freed_memory() -> None:
    """Return free pages anywhere in the heap to the system, periodically (malloc_trim(3)); never returns.

    One call takes a few milliseconds at most.
    """
    malloc_trim = _function("malloc_trim")
    while malloc_trim is not None:
        await asyncio.sleep(_INTERVAL)
        malloc_trim(0)


def _function(name: str) -> Callable[..., object] | None:
    """Return the function *name* of the C library; None if it is another library than GNU's."""
    return getattr(ctypes.CDLL(None), name, None)
