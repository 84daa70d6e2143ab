"""The clock of a process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from extproc.policy.units import Instant

if TYPE_CHECKING:
    from collections.abc import Callable


def anchored_clock(
    wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
) -> Callable[[], Instant]:
    """Return a clock of the time of day that never runs backwards.

    The wall clock is read once, and the monotonic clock counts from there: a step of the system time moves no block and
    shortens no wait of this process, while instants are still comparable with those of another process on the host.
    """
    anchor = wall() - monotonic()
    return lambda: Instant(int((anchor + monotonic()) * 1000))
