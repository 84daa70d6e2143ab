"""A short run of `make fuzz`."""

from __future__ import annotations

from fuzz.campaign import run
from fuzz.conversations import KINDS


def test_nothing_that_a_peer_sends_harms_anybody_else() -> None:
    """A stream may be refused; no worker dies, nothing is left behind, and the witness never notices."""
    report = run(seed=1, messages=5_000)

    assert report.faults == {}
    assert report.messages >= 5_000
    assert {kind for kind, _ in report.streams} == set(KINDS)
