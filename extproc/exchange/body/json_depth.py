"""How deep a JSON value is nested, found out without going down into it.

A decoder that runs into Python's own limit does no harm by itself. But Python clears away garbage whenever something
is made, also at the deepest place, and what has to be done for that then fails for want of room: what gRPC holds for
streams that have ended is never let go.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

DEEPEST: Final = 500
"""Half of what Python allows, and many times what any request needs."""

_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS: Final = bytes(set(range(256)) - set(_STEPS))
_FIRST_LOOK: Final = 16 * 1024


def is_too_deep(body: bytes, start: int = 0) -> bool:
    """Return whether in the value from *start* on more than `DEEPEST` lists and objects stand within each other.

    What is no JSON may be taken for deeper than it is, never for less deep than a decoder would follow it. The look
    grows with the value: what follows it may be many megabytes.
    """
    length = _FIRST_LOOK
    while True:
        for depth in accumulate(map(_STEPS.__getitem__, _brackets(body[start : start + length]))):
            if depth > DEEPEST:
                return True
            if depth <= 0:  # here the value ends
                return False
        if start + length >= len(body):
            return False
        length *= 4


def _brackets(text: bytes) -> bytes:
    """Return the brackets of *text* that stand outside of its strings; its end may be anywhere."""
    without_escapes = text.replace(rb"\\", b"").replace(rb"\"", b"")
    return b"".join(without_escapes.split(b'"')[::2]).translate(None, _OTHERS)
