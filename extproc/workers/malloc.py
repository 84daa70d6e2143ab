"""How the C library keeps the memory that bodies have needed."""

from __future__ import annotations

import asyncio
import ctypes
from typing import Final

_KEPT: Final = 32 * 1024 * 1024
"""Bytes up to which a block is kept for the next one, and that may stay free at the end of the heap: the largest value
that the GNU C library takes for the first. What is larger is rare enough to be asked for and given back each time."""

_EVERY: Final = 10.0
"""Seconds between two times at which free memory goes back to the system."""

# malloc.h of the GNU C library
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_blocks() -> bool:
    """Have blocks of any body's size be used again and again; return whether that can be set.

    Memory that is new to a process costs a page fault for every 4 KiB: for a body of 2 MB, which is copied several
    times, more time than all else that is done with it. Small blocks then settle between the large ones, and a process
    would grow for as long as bodies of megabytes come: `return_freed_memory` is the other half of it.
    """
    mallopt = _function("mallopt")
    return mallopt is not None and all(mallopt(option, _KEPT) == 1 for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))


async def return_freed_memory_regularly() -> None:
    """Give pages that hold nothing back to the system, wherever they are in the heap (malloc_trim(3)); never returns.

    That takes some milliseconds at the most.
    """
    malloc_trim = _function("malloc_trim")
    while malloc_trim is not None:
        await asyncio.sleep(_EVERY)
        malloc_trim(0)


def _function(name: str) -> ctypes._NamedFuncPointer | None:
    """Return that function of the C library; None when it is another library, which has ways of its own."""
    return getattr(ctypes.CDLL(None), name, None)
