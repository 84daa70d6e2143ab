"""What people read when nothing more is tried: SDKs show them the message alone."""

from __future__ import annotations

import pytest

from extproc.exchange.client_errors.explanation import explained
from extproc.policy.attempt_state import FailedAttempt
from extproc.policy.decision import Exhausted, StopReason
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.target import TargetId

P, S = TargetId("openai/gpt-4o"), TargetId("anthropic/claude-3-5-sonnet")


def failed(target: TargetId, status: int, kind: Kind = Kind.HTTP, limit: int | None = None) -> FailedAttempt:
    return FailedAttempt(target, Outcome(kind, status, limit=limit), "default", duration=1500)


def said(
    *failures: FailedAttempt, reason: StopReason = StopReason.NO_CANDIDATE, shortest_block: int | None = None
) -> str:
    return explained(Exhausted(reason, failures, shortest_block, primary=P))


def test_who_was_tried_what_each_said_and_when_to_come_back() -> None:
    assert said(failed(P, 429), failed(S, 503), shortest_block=11_001) == (
        "All retry attempts exhausted: openai/gpt-4o returned HTTP 429 (rate limited), "
        "anthropic/claude-3-5-sonnet returned HTTP 503 (unavailable). Try again in 12 s."
    )


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (failed(P, 504, Kind.TIMEOUT, 30_000), "timed out after 30 s"),
        (failed(P, 504, Kind.TIMEOUT, 400), "timed out after 0.4 s"),
        (failed(P, 504, Kind.TIMEOUT), "timed out"),
        (failed(P, 502, Kind.CONNECTION_ERROR), "could not be reached"),
        (failed(P, 503, Kind.HIGH_LATENCY, 1000), "returned HTTP 503 (unavailable) after 1.5 s"),
        (failed(P, 401, Kind.UNFIT), "returned HTTP 401 (key not accepted)"),
        (failed(P, 404, Kind.UNFIT), "returned HTTP 404 (not found)"),
        (failed(P, 529), "returned HTTP 529 (overloaded)"),
        (failed(P, 599), "returned HTTP 599"),
    ],
)
def test_every_failure_has_its_words(failure: FailedAttempt, words: str) -> None:
    assert f"openai/gpt-4o {words}. " in said(failure, shortest_block=0)


@pytest.mark.parametrize(
    ("failure", "reason", "words"),
    [
        (failed(P, 504, Kind.TIMEOUT, 2000), StopReason.NO_CANDIDATE, "upstream request timed out"),
        (failed(P, 503, Kind.HIGH_LATENCY, 1000), StopReason.RULE_SPENT, "upstream high latency detected"),
        (failed(P, 504, Kind.TIMEOUT, 2000), StopReason.BUDGET_SPENT, "retry budget exceeded"),
    ],
)
def test_the_words_of_the_specification_come_first(failure: FailedAttempt, reason: StopReason, words: str) -> None:
    """A spent budget is said before anything else."""
    assert said(failure, reason=reason).startswith(f"All retry attempts exhausted: {words}. openai/gpt-4o ")


def test_the_same_is_said_once() -> None:
    """However often, and whichever model was called in between."""
    assert said(failed(P, 503), failed(S, 429), failed(P, 503), failed(P, 500)) == (
        "All retry attempts exhausted: openai/gpt-4o returned HTTP 503 (unavailable) 2 times, "
        "anthropic/claude-3-5-sonnet returned HTTP 429 (rate limited), openai/gpt-4o returned HTTP 500 (server error). "
        "Try again in 2 s."
    )


def test_a_line_stays_a_line_whatever_was_tried() -> None:
    """Names of a wildcard's models come from clients, and there may be fifty attempts."""
    failures = [failed(TargetId(f"openai/{number}-{'x' * 190}"), 503) for number in range(50)]

    message = said(*failures)

    assert message.count("returned HTTP 503") == 5
    assert message.endswith("… returned HTTP 503 (unavailable) and 45 more. Try again in 2 s.")
    assert len(message) < 700


def test_no_model_was_called() -> None:
    assert said(reason=StopReason.WAIT_TOO_LONG, shortest_block=120_000) == (
        "All retry attempts exhausted: no model was called, because every model that could serve the "
        "request is blocked for now. Try again in 120 s."
    )


def test_now_is_a_time_and_never_is_none() -> None:
    """What a request is refused for is not fixed by repeating it."""
    assert said(failed(P, 429), shortest_block=0).endswith("(rate limited). Try again now.")
    assert said(failed(P, 404)).endswith("returned HTTP 404 (not found).")
