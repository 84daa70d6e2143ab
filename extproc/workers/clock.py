"""The one clock of a process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from extproc.policy.units import Instant

if TYPE_CHECKING:
    from collections.abc import Callable


def anchored_clock(
    wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
) -> Callable[[], Instant]:
    """Return a clock that tells the time of day and never runs backwards.

    The wall clock is read once and the monotonic one counts from there: a step of the system's time moves no block
    and shortens no wait of this process, while instants still mean the same to another process on the host.
    """
    anchor = wall() - monotonic()
    return lambda: Instant(int((anchor + monotonic()) * 1000))
