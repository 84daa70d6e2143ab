"""The response to an exhausted request."""

from __future__ import annotations

import json

import pytest

from extproc import names
from extproc.exchange.client_errors.exhausted import exhausted_response
from extproc.policy.attempt_state import FailedAttempt
from extproc.policy.decision import Exhausted, StopReason
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.target import Api, TargetId

P, S = TargetId("openai/gpt-4o"), TargetId("anthropic/claude-3-5-sonnet")


def failure(target: TargetId, outcome: Outcome, *, duration: int = 0) -> FailedAttempt:
    return FailedAttempt(target, outcome, "default", duration=duration)


def response_of(
    exhausted: Exhausted, *, api: Api = Api.CHAT, discourage: bool = True
) -> tuple[int, dict[str, str], object]:
    response = exhausted_response(exhausted, api, request_id="r-1", discourage_retries=discourage)
    headers = dict(response.headers)
    assert headers.pop(names.ATTEMPTS) == str(len(exhausted.attempts))
    return response.status, headers, json.loads(response.body)


def test_every_attempt_is_reported() -> None:
    """Each attempt is listed in order, with every wait that is known, rounded up to whole seconds."""
    exhausted = Exhausted(
        StopReason.NO_CANDIDATE,
        (failure(P, Outcome(Kind.HTTP, 429, retry_after=1200)), failure(S, Outcome(Kind.HTTP, 503))),
        shortest_block=1001,
        primary=P,
    )

    assert response_of(exhausted) == (
        503,
        {"content-type": "application/json", "x-request-id": "r-1", "retry-after": "2", "x-should-retry": "false"},
        {
            "error": {
                "message": (
                    "All retry attempts exhausted: openai/gpt-4o returned HTTP 429 (rate limited), "
                    "anthropic/claude-3-5-sonnet returned HTTP 503 (unavailable). Try again in 2 s."
                ),
                "type": "retry_exhausted",
                "attempts": [
                    {"model": "openai/gpt-4o", "error_type": "http_429", "attempt": 1},
                    {"model": "anthropic/claude-3-5-sonnet", "error_type": "http_503", "attempt": 2},
                ],
                "total_attempts": 2,
                "retry_budget_exhausted": False,
                "observed_max_retry_after_seconds": 2,
                "shortest_remaining_block_seconds": 2,
            }
        },
    )


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome(Kind.TIMEOUT, 504, limit=2000), 504), (Outcome(Kind.CONNECTION_ERROR, 502), 502)],
)
@pytest.mark.parametrize("reason", [StopReason.NO_CANDIDATE, StopReason.BUDGET_SPENT])
def test_the_last_failure_gives_the_status(outcome: Outcome, status: int, reason: StopReason) -> None:
    """A timeout is a 504 and a broken connection a 502."""
    got, _, body = response_of(Exhausted(reason, (failure(P, outcome),), primary=P))

    assert got == status
    assert isinstance(body, dict)
    assert body["error"]["retry_budget_exhausted"] is (reason is StopReason.BUDGET_SPENT)


@pytest.mark.parametrize(
    ("outcome", "reported"),
    [
        (Outcome(Kind.HTTP, 429), "http_429"),
        (Outcome(Kind.TIMEOUT, 504, limit=2000), "timeout_2000ms"),
        (Outcome(Kind.TIMEOUT, 504), "timeout"),
        (Outcome(Kind.CONNECTION_ERROR, 502), "connection_error"),
        (Outcome(Kind.HIGH_LATENCY, 503, limit=1000), "high_latency_1500ms_threshold_1000ms"),
    ],
)
def test_every_kind_of_failure_has_its_name(outcome: Outcome, reported: str) -> None:
    _, _, body = response_of(Exhausted(StopReason.RULE_SPENT, (failure(P, outcome, duration=1500),), primary=P))

    assert isinstance(body, dict)
    assert body["error"]["attempts"] == [{"model": "openai/gpt-4o", "error_type": reported, "attempt": 1}]


def test_all_blocked_is_a_429_without_an_attempt() -> None:
    status, headers, body = response_of(Exhausted(StopReason.WAIT_TOO_LONG, (), shortest_block=120_000, primary=P))

    assert (status, headers["retry-after"]) == (429, "120")
    assert isinstance(body, dict)
    assert (body["error"]["attempts"], body["error"]["total_attempts"]) == ([], 0)


def test_who_was_unfit_does_not_give_the_status() -> None:
    """A fallback's 401 would make the client look for a fault in its own key."""
    failures = (failure(P, Outcome(Kind.TIMEOUT, 504, limit=2000)), failure(S, Outcome(Kind.UNFIT, 401)))

    status, _, body = response_of(Exhausted(StopReason.NO_CANDIDATE, failures, primary=P))

    assert status == 504
    assert isinstance(body, dict)
    assert body["error"]["attempts"][1] == {"model": S, "error_type": "http_401", "attempt": 2}


@pytest.mark.parametrize(("shortest_block", "status"), [(120_000, 429), (None, 502)])
def test_where_only_unfit_ones_were_called_the_gateway_has_failed(shortest_block: int | None, status: int) -> None:
    """Or the client has to come back when the primary may be called again."""
    failures = (failure(S, Outcome(Kind.UNFIT, 401)),)

    got, _, _ = response_of(Exhausted(StopReason.WAIT_TOO_LONG, failures, shortest_block, primary=P))

    assert got == status


def test_a_repeated_request_has_made_no_attempt() -> None:
    """Status and words are those of the request before; what a provider has asked for a while ago is not repeated."""
    failures = (failure(P, Outcome(Kind.HTTP, 503, retry_after=3000)),)
    repeated = Exhausted(StopReason.REPEATED, failures, 3000, primary=P, default_retry_after=1500)

    assert response_of(repeated) == (
        503,
        {"content-type": "application/json", "x-request-id": "r-1", "retry-after": "2", "x-should-retry": "false"},
        {
            "error": {
                "message": (
                    "All retry attempts exhausted: the same request has just failed, so no model was called again. "
                    "openai/gpt-4o returned HTTP 503 (unavailable). Try again in 2 s."
                ),
                "type": "retry_exhausted",
                "attempts": [],
                "total_attempts": 0,
                "retry_budget_exhausted": False,
            }
        },
    )


def test_a_wait_of_zero_is_a_wait() -> None:
    """Retry-After: 0 means now, which is not the same as not knowing."""
    _, headers, body = response_of(
        Exhausted(StopReason.RULE_SPENT, (failure(P, Outcome(Kind.HTTP, 429, retry_after=0)),), primary=P)
    )

    assert headers["retry-after"] == "0"
    assert isinstance(body, dict)
    assert body["error"]["observed_max_retry_after_seconds"] == 0


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(Kind.HTTP, 500),
        Outcome(Kind.HTTP, 429),
        Outcome(Kind.HTTP, 408),
        Outcome(Kind.TIMEOUT, 504),
        Outcome(Kind.CONNECTION_ERROR, 502),
        Outcome(Kind.HIGH_LATENCY, 503),
    ],
)
def test_what_may_be_repeated_says_when(outcome: Outcome) -> None:
    """Even without a provider's: else clients come back at once, several times."""
    exhausted = Exhausted(StopReason.RULE_SPENT, (failure(P, outcome),), primary=P, default_retry_after=1001)

    _, headers, _ = response_of(exhausted, discourage=False)

    assert headers == {"content-type": "application/json", "x-request-id": "r-1", "retry-after": "2"}


@pytest.mark.parametrize("outcome", [Outcome(Kind.HTTP, 404), Outcome(Kind.HTTP, 302), Outcome(Kind.UNFIT, 401)])
def test_what_repeating_cannot_fix_says_nothing(outcome: Outcome) -> None:
    _, headers, _ = response_of(Exhausted(StopReason.RULE_SPENT, (failure(P, outcome),), primary=P))

    assert "retry-after" not in headers


def test_the_messages_api_has_its_own_envelope() -> None:
    """Anthropic's SDK looks for type "error" around the error object."""
    _, _, body = response_of(
        Exhausted(StopReason.RULE_SPENT, (failure(P, Outcome(Kind.HTTP, 500)),), primary=P), api=Api.MESSAGES
    )

    assert isinstance(body, dict)
    assert body["type"] == "error"
    assert body["error"]["type"] == "retry_exhausted"


def test_anthropics_clients_learn_the_requests_id_by_their_names_for_it() -> None:
    """In the body and in a header of its own, as from Anthropic itself."""
    exhausted = Exhausted(StopReason.RULE_SPENT, (failure(P, Outcome(Kind.HTTP, 429)),), primary=P)

    (_, openais, _), (_, anthropics, body) = response_of(exhausted), response_of(exhausted, api=Api.MESSAGES)

    assert anthropics == {**openais, "request-id": openais["x-request-id"]}
    assert isinstance(body, dict)
    assert (body["type"], body["request_id"]) == ("error", "r-1")
