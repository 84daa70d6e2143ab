"""When slow responses add up to a block."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.policy.rules import HighLatency
    from extproc.policy.units import Instant

_SWEEP_FROM = 1024


class SlowResponses:
    """Recent slow responses, by rule and by the subject of the rule's scope.

    Outlives requests. Not safe for use from several threads.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[HighLatency, str], deque[Instant]] = {}
        self._sweep_at = _SWEEP_FROM

    def note(self, rule: HighLatency, subject: str, *, now: Instant) -> bool:
        """Count one slow response; return whether *rule* has now seen enough of them for a block.

        Enough is `min_triggers` within the window that ends now. The count then starts over.
        """
        key = (rule, subject)
        times = self._seen.setdefault(key, deque())
        times.append(now)
        while times[0] <= now - rule.window:
            times.popleft()
        if len(times) >= rule.min_triggers:
            del self._seen[key]
            return True
        # Names of wildcard models come from clients: windows that have emptied must go.
        if len(self._seen) >= self._sweep_at:
            self._seen = {known: seen for known, seen in self._seen.items() if seen[-1] > now - known[0].window}
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self._seen))
        return False
