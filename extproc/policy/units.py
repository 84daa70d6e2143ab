"""Instants, durations and chance, as the rules are given them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NewType, TypeAlias

Instant = NewType("Instant", int)
"""Milliseconds since the Unix epoch, read from a clock that never runs backwards."""

Millis: TypeAlias = int
"""A duration in milliseconds."""

Dice: TypeAlias = Callable[[], float]
"""A source of chance: each call gives a number in [0, 1)."""
