"""How soon a worker that has ended is started again."""

from __future__ import annotations

_FIRST = 0.1
_LONGEST = 5.0
_YOUNG = 1.0


def pause_before_restart(*, failures: int, lived: float, crashed: bool) -> float:
    """Return how many seconds to wait before a worker that has *lived* for so many is started again.

    *failures* is how many starts in a row have ended before they served: only these back off, because trying again
    soon cannot help them. One that has served is missed, so it comes back at once; a moment later when it has *crashed*
    young, for one that dies of every request must not take a processor for itself.
    """
    if failures:
        return min(_LONGEST, _FIRST * 2.0 ** min(failures - 1, 16))
    return _FIRST if crashed and lived < _YOUNG else 0.0
