"""How the C library keeps the memory that bodies have needed."""

from __future__ import annotations

import ctypes
from typing import Final

_LARGE: Final = 256 * 1024

# malloc.h of the GNU C library
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def give_large_blocks_back() -> bool:
    """Have every block from 256 KiB on returned to the system as soon as it is free; return whether that can be set.

    By itself the GNU C library learns from the first large body to keep such blocks for later (mallopt(3), "dynamic
    mmap threshold"). Small ones then settle in between, and a process grows for as long as bodies of megabytes come.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library, which has ways of its own
        return False
    return all(mallopt(option, _LARGE) == 1 for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))
