from __future__ import annotations

import subprocess
import sys

LARGEST_FIRST = """
import ctypes, sys
from extproc.cli.allocator import give_large_blocks_back

class Told(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd a b c d e".split()]

if "set" in sys.argv:
    assert give_large_blocks_back()
body = bytes(8_000_000)
del body
libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Told
before = libc.mallinfo2().hblkhd
body = bytes(4_000_000)
print(libc.mallinfo2().hblkhd - before >= len(body))
"""
"""Whether a body that comes after a larger one has memory of its own, apart from all that is small."""


def _has_its_own(*arguments: str) -> bool:
    done = subprocess.run([sys.executable, "-c", LARGEST_FIRST, *arguments], capture_output=True, text=True, check=True)
    return done.stdout == "True\n"


def test_a_large_body_goes_back_to_the_system_whatever_came_before() -> None:
    """Without it the C library remembers the larger one, and keeps the second among its small blocks."""
    assert _has_its_own("set")
    assert not _has_its_own()
