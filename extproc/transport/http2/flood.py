"""A bound on frames that cost the peer nothing and us something."""

from __future__ import annotations

from typing import Final

from extproc.transport.http2.errors import Http2Error
from extproc.transport.http2.frames import ENHANCE_YOUR_CALM

BURST: Final = 20_000
"""Such frames that may come at once: an Envoy whose clients all hang up resets as many streams as it has."""

PER_SECOND: Final = 2_000


class FloodGuard:
    """A token bucket for resets, pings, settings, and frames without content; mutable, one a connection.

    (CVE-2019-9512 to -9518 and CVE-2023-44487 are what is done with such frames.)
    """

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left: float = BURST
        self._since = now

    def spend(self, now: float) -> None:
        """Take one token at *now* (seconds of any clock that never runs backwards).

        Raises:
            Http2Error: none is left.
        """
        self._left = min(BURST, self._left + (now - self._since) * PER_SECOND) - 1
        self._since = now
        if self._left < 0:
            raise Http2Error(ENHANCE_YOUR_CALM, "too many frames without content")
