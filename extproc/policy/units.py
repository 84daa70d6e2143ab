"""Instants, durations and random numbers, as the rules are given them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NewType, TypeAlias

Instant = NewType("Instant", int)
"""Milliseconds since the Unix epoch, read from a clock that never runs backwards."""

Millis: TypeAlias = int
"""A duration in milliseconds."""

Rng: TypeAlias = Callable[[], float]
"""A random source: each call returns a number in [0, 1)."""
