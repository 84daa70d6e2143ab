from __future__ import annotations

import subprocess
import sys

BODIES = """
import asyncio, re, sys
from extproc.workers import malloc

def resident():
    return int(re.search(r"Rss:\\s+(\\d+)", open("/proc/self/smaps_rollup").read())[1]) * 1024

def faults():
    return int(open("/proc/self/stat").read().rpartition(")")[2].split()[7])

async def main():
    if "keep" in sys.argv:
        assert malloc.keep_freed_blocks()
    body = bytes(8_000_000)
    kept = [bytes(100_000) for _ in range(20)]  # allocations above it in the heap
    before = faults()
    for _ in range(10):
        body = b""
        body = b"x" * 8_000_000
    print("faults", faults() - before > 8_000_000 // 4096)
    body = b""
    held = resident()
    if "return" in sys.argv:
        malloc._INTERVAL = 0.01
        returning = asyncio.create_task(malloc.return_freed_memory())
        await asyncio.sleep(0.2)
        returning.cancel()
    print("returned", held - resident() > 4_000_000)

asyncio.run(main())
"""
"""Prints whether a body causes page faults after one of its size was freed, and whether free pages are returned."""


def _seen(*arguments: str) -> dict[str, bool]:
    done = subprocess.run([sys.executable, "-c", BODIES, *arguments], capture_output=True, text=True, check=True)
    return {word: value == "True" for word, value in map(str.split, done.stdout.splitlines())}


def test_the_memory_of_a_body_is_reused() -> None:
    """By default an allocation larger than the largest one so far is mapped again."""
    assert _seen("keep") == {"faults": False, "returned": False}


def test_free_memory_is_returned_to_the_system() -> None:
    """Also from below allocations that are in use."""
    assert _seen("keep", "return") == {"faults": False, "returned": True}
