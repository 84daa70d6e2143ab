"""Back-off before a worker that exited is started again."""

from __future__ import annotations

_FIRST = 0.1
_LONGEST = 5.0
_YOUNG = 1.0


def respawn_delay(*, failures: int, lived: float, crashed: bool) -> float:
    """Return how many seconds to wait before a worker that ran for *lived* seconds is started again.

    *failures* is the number of consecutive starts that failed before the worker served: only these back off
    exponentially. A worker that has served is replaced at once, or after a short delay if it *crashed* within a second:
    one that crashes at every request must not keep a core busy.
    """
    if failures:
        return min(_LONGEST, _FIRST * 2.0 ** min(failures - 1, 16))
    return _FIRST if crashed and lived < _YOUNG else 0.0
