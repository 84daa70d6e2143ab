"""Keys, accounts and models that a provider refuses: the operator's to fix, so that another target is called."""

from __future__ import annotations

import pytest
from support.policy.builders import (
    NOW,
    SUCCESS,
    P,
    S,
    T,
    a_high_latency,
    a_policy,
    a_rule,
    a_target,
    after,
    an_engine,
    final,
    http,
    on_status,
)
from support.policy.journeys import Journey, Reply

from extproc.policy.attempt_state import FailedAttempt, Reason
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Deliver, Exhausted, StopReason
from extproc.policy.outcome import Kind, Outcome, Refusal
from extproc.policy.rules import Strategy
from extproc.policy.target import Credential, Freedom

NO_ACCOUNT = Outcome(Kind.FINAL, 400, refusal=Refusal.ACCOUNT)
NO_MODEL = Outcome(Kind.FINAL, 404, refusal=Refusal.MODEL)
REFUSALS = [final(401), final(402), final(403), NO_ACCOUNT, NO_MODEL]
POLICY = a_policy(fallback_models=(S, T))


@pytest.mark.parametrize("refusal", REFUSALS)
def test_another_target_is_called(refusal: Outcome) -> None:
    """At once, and charged like any other failure."""
    journey = Journey(an_engine(policy=POLICY)).gets(refusal, SUCCESS)

    assert (journey.path, journey.reasons[-1]) == ([P, S], Reason.DIFFERENT_PROVIDER)
    (failure,) = journey.state.failures
    assert (failure.target, failure.rule, failure.error_type) == (P, "default", f"http_{refusal.status}")
    assert isinstance(journey.decision, Deliver)


@pytest.mark.parametrize("refusal", [final(400), final(404), final(422)])
def test_a_clients_mistake_is_the_clients_to_know(refusal: Outcome) -> None:
    assert isinstance(Journey(an_engine(policy=POLICY)).gets(refusal).decision, Deliver)


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("credential", [Credential.CLIENT, Credential.NONE, Credential.MISSING])
def test_a_refusal_that_is_not_of_the_operators_key_goes_to_the_client(
    refusal: Outcome, credential: Credential
) -> None:
    """With passthrough_auth it is the client's own key."""
    engine = an_engine(a_target(P, credential=credential, keys=0), S, policy=POLICY)

    assert isinstance(Journey(engine).gets(refusal).decision, Deliver)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_with_no_other_target_the_provider_says_what_is_wrong(refusal: Outcome) -> None:
    """Better than we could."""
    assert isinstance(Journey(an_engine(P, policy=a_policy())).gets(refusal).decision, Deliver)


def test_once_another_target_has_failed_all_attempts_are_reported() -> None:
    journey = Journey(an_engine(P, S, policy=a_policy(rounds=1))).gets(final(401), http(503))

    assert isinstance(journey.decision, Exhausted)
    assert [failure.outcome.status for failure in journey.decision.failures] == [401, 503]


def test_coming_back_to_a_refusal_is_reported_with_what_was_before() -> None:
    engine = an_engine(P, S, policy=a_policy(default=a_rule(max_attempts=9)))

    journey = Journey(engine).gets(http(503), http(503), final(401), final(401))

    assert journey.path == [P, S, P, S]
    assert isinstance(journey.decision, Exhausted)
    assert journey.decision.reason is StopReason.NO_CANDIDATE


def test_a_refusal_that_comes_last_is_reported_with_what_was_before() -> None:
    """All attempts of its rule are used up by then."""
    journey = Journey(an_engine(P, S, policy=a_policy())).gets(http(503), http(503), final(401))

    assert journey.path == [P, S, P]
    assert isinstance(journey.decision, Exhausted)
    assert journey.decision.reason is StopReason.RULE_SPENT


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_rule_in_the_file_wins(refusal: Outcome) -> None:
    """One that allows no retry has it delivered; a listed code is a failure whatever it means."""
    never = a_policy(on_status=on_status(a_rule("on_status_codes[0]", max_attempts=0), refusal.status))
    listed = Outcome(Kind.HTTP, refusal.status, refusal=refusal.refusal)

    assert isinstance(Journey(an_engine(policy=never)).gets(listed).decision, Deliver)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_the_same_model_is_not_asked_again(refusal: Outcome) -> None:
    """Where the file allows no other target, the client learns at once what is wrong."""
    policy = a_policy(default=a_rule(strategy=Strategy.SAME_MODEL))

    assert isinstance(Journey(an_engine(policy=policy)).gets(refusal).decision, Deliver)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_another_provider_does_not_have_is_not_asked_for_there(refusal: Outcome) -> None:
    """Nor again with a key that has just been refused."""
    journey = Journey(an_engine(policy=POLICY), freedom=Freedom.THERE).gets(refusal)

    assert isinstance(journey.decision, Deliver)


def test_a_key_without_a_balance_is_on_cooldown() -> None:
    """Like one that is not valid: the next one is tried first, and the next request begins with it."""
    blocks = Blocks()
    engine = an_engine(a_target(P, keys=2), S, policy=POLICY, blocks=blocks)

    journey = Journey(engine).gets(NO_ACCOUNT, SUCCESS)

    assert [(call.target, call.key) for call in journey.calls] == [(P, 0), (P, 1)]
    assert blocks.snapshot(now=NOW) == (Block(BlockKind.REFUSED_KEY, f"{P}#0", after(60_000)),)
    assert journey.state.failures == (FailedAttempt(P, NO_ACCOUNT, None),)
    assert [call.key for call in Journey(engine).gets(SUCCESS).calls] == [1]


def test_a_model_that_is_unknown_says_nothing_of_the_key() -> None:
    blocks = Blocks()

    journey = Journey(an_engine(a_target(P, keys=2), S, policy=POLICY, blocks=blocks)).gets(NO_MODEL, SUCCESS)

    assert journey.path == [P, S]
    assert blocks.snapshot(now=NOW) == ()


def test_a_refusal_that_was_slow_to_come_is_charged_as_slow() -> None:
    """From here on it is a failure like any other."""
    policy = a_policy(fallback_models=(S,), high_latency=a_high_latency())
    journey = Journey(an_engine(policy=policy)).gets(Reply(final(401), took=2000), SUCCESS)

    (failure,) = journey.state.failures
    assert (failure.outcome.kind, failure.rule) == (Kind.HIGH_LATENCY, "on_high_latency")
