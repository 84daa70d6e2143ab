"""The decision when nothing more is tried."""

from __future__ import annotations

import pytest
from support.policy.builders import P, S, http

from extproc.policy.attempt_state import FailedAttempt
from extproc.policy.decision import Exhausted, StopReason


@pytest.mark.parametrize(
    ("asked", "longest"),
    [([], None), ([None], None), ([0], 0), ([2000, None, 5000, 1000], 5000)],
)
def test_the_longest_wait_that_was_asked_for(asked: list[int | None], longest: int | None) -> None:
    """Whichever target asked for it; zero is a wait."""
    failures = tuple(
        FailedAttempt(target, http(429, wait), "default") for target, wait in zip([P, S, P, S], asked, strict=False)
    )

    assert Exhausted(StopReason.RULE_SPENT, failures, primary=P).observed_retry_after == longest
