"""An attempt state with something in every field."""

from __future__ import annotations

from extproc.exchange.in_flight import InFlight
from extproc.policy.attempt_state import AttemptState, FailedAttempt, NextAttempt, Reason
from extproc.policy.blocks import Block, BlockKind
from extproc.policy.outcome import Kind, Outcome, Refusal
from extproc.policy.target import Freedom, TargetId
from extproc.policy.units import Instant

BEGAN = Instant(1_700_000_000_000)


def a_state() -> AttemptState:
    """Return the attempt state of a request whose first two attempts have failed."""
    return AttemptState(
        primary=TargetId("openai/gpt-4o"),
        began=BEGAN,
        deadline=Instant(BEGAN + 300_000),
        next=NextAttempt(
            TargetId("mistral/mistral-large"), Instant(BEGAN + 900), Reason.DIFFERENT_PROVIDER, key=1, waited=200
        ),
        failures=(
            FailedAttempt(
                TargetId("openai/gpt-4o"),
                Outcome(Kind.HTTP, 429, retry_after=0, refusal=Refusal.ACCOUNT),
                rule="on_status_codes[0]",
                duration=31,
            ),
            FailedAttempt(
                TargetId("anthropic/claude-3-5-sonnet"),
                Outcome(Kind.TIMEOUT, 504, limit=500),
                rule=None,
                key=2,
                waited=100,
                duration=500,
            ),
        ),
        first_failure=Instant(BEGAN + 31),
        round=2,
        round_start=1,
        blocks=(Block(BlockKind.RETRY_AFTER, "openai/gpt-4o", Instant(BEGAN + 60_000)),),
        slow=(TargetId("openai/gpt-4o"),),
        freedom=Freedom.THERE,
        body_sha256=bytes(range(32)),
        body_length=4_711,
    )


def an_in_flight(outcome: Outcome | None = None) -> InFlight:
    """Return the third attempt of that request while it is in flight; *outcome* is what its headers mean."""
    duration = 0 if outcome is None else 7
    return InFlight(a_state(), sent=Instant(BEGAN + 900), limit=60_000, outcome=outcome, duration=duration)
