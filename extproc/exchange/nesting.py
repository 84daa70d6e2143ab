"""How deep a JSON text is nested, found out without going down into it.

A decoder that runs into Python's own limit does no harm by itself. But Python clears away garbage whenever something
is made, also at the deepest place, and what has to be done for that then fails for want of room: what gRPC holds for
streams that have ended is never let go.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

DEEPEST: Final = 500
"""Half of what Python allows, and many times what any request needs."""

_STRING: Final = re.compile(rb'"[^"]*"')
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS: Final = bytes(set(range(256)) - set(_STEPS))


def is_too_deep(body: bytes) -> bool:
    """Return whether in *body* more than `DEEPEST` lists and objects stand within each other.

    What is no JSON may be taken for deeper than it is, never for less deep than a decoder would follow it.
    """
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    without_escapes = body.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = _STRING.sub(b"", without_escapes).translate(None, _OTHERS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > DEEPEST
