"""Back-off: how long to wait before the next attempt where the provider named no time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from extproc.policy.units import Millis, Rng


class Reach(StrEnum):
    """Which failures a back-off counts, and before which attempts it applies."""

    SAME_MODEL = "same_model"
    SAME_PROVIDER = "same_provider"
    GLOBAL = "global"


class Jitter(StrEnum):
    """How randomness spreads the waits of many clients."""

    NONE = "none"
    EQUAL = "equal"  # delay x U[0.5, 1)
    FULL = "full"  # delay x U[0, 1)
    DECORRELATED = "decorrelated"  # U[base, 3 x the previous wait), at most the ceiling


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off: base x 2^(n-1), at most *ceiling*, then jitter.

    Raises:
        ValueError: unless 1 <= base < ceiling.
    """

    reach: Reach
    base: Millis = 100
    ceiling: Millis = 5000
    jitter: Jitter = Jitter.EQUAL

    def __post_init__(self) -> None:
        if not 1 <= self.base < self.ceiling:
            raise ValueError(f"back-off needs 1 <= base < max, got base {self.base} and max {self.ceiling}")

    def delay(self, failures: int, rng: Rng, *, previous: Millis = 0) -> Millis:
        """Return the wait in milliseconds after the *failures*-th failure (1 is the first).

        *previous* is the wait before the attempt that failed; only decorrelated jitter looks at it.
        """
        if self.jitter is Jitter.DECORRELATED:
            upper = max(self.base, previous) * 3
            return min(self.ceiling, self.base + int((upper - self.base) * rng()))
        # The ceiling is reached within 63 doublings whatever the base: a larger power only costs shared.
        delay = min(self.base << min(failures - 1, 63), self.ceiling)
        match self.jitter:
            case Jitter.EQUAL:
                return int(delay * (0.5 + rng() / 2))
            case Jitter.FULL:
                return int(delay * rng())
            case Jitter.NONE:
                return delay
            case _:
                assert_never(self.jitter)
