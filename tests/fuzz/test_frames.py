"""A short run of `make fuzz-frames`."""

from __future__ import annotations

from collections import Counter

from fuzz.frames import play


def test_whatever_frames_come_the_rules_hold() -> None:
    """Half of the clients make no mistake: those are not hung up on, the others are, sooner or later."""
    ends = Counter(play(1, number) for number in range(1_000))

    assert ends["open"] > 500
    assert ends["closed"] > 100
