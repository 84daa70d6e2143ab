"""A target that a failover has chosen, and that cannot serve the request: it is passed over."""

from __future__ import annotations

import pytest
from support.policy.builders import (
    NOW,
    P2,
    SUCCESS,
    P,
    S,
    T,
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
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Deliver, Exhausted, StopReason
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.rules import Rule, Strategy

IN_TURN = a_policy(fallback_models=(S, T))
U = "xai/grok-4"


def unfit(status: int) -> Outcome:
    return Outcome(Kind.UNFIT, status)


def stopped(journey: Journey) -> tuple[StopReason, int | None]:
    """Return why the request of *journey* got no further, and which status speaks for it."""
    assert isinstance(journey.decision, Exhausted)
    decisive = journey.decision.decisive
    return journey.decision.reason, None if decisive is None else decisive.outcome.status


def blocked(target: str, wait: int) -> Blocks:
    blocks = Blocks()
    blocks.add(Block(BlockKind.RETRY_AFTER, target, after(wait)), now=NOW)
    return blocks


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 422])
def test_a_fallbacks_refusal_does_not_end_the_chain(status: int) -> None:
    """The client never chose it: a retired model, a dead key or an unknown parameter is that target's own matter."""
    journey = Journey(an_engine(policy=IN_TURN)).gets(http(503), Reply(final(status), took=20), SUCCESS)

    assert isinstance(journey.decision, Deliver)
    assert journey.path == [P, S, T]
    assert journey.state.failures == (
        FailedAttempt(P, http(503), "default"),
        FailedAttempt(S, unfit(status), None, duration=20),
    )
    assert journey.reasons[-1] is Reason.DIFFERENT_PROVIDER


@pytest.mark.parametrize("status", [400, 404, 422])
def test_the_primarys_own_refusal_is_final(status: int) -> None:
    """At once, and after a failover has come back to it."""
    engine = an_engine(P, S, policy=IN_TURN)

    first = Journey(engine).gets(final(status))
    later = Journey(engine).gets(http(503), http(503), final(status))

    assert (first.path, later.path) == ([P], [P, S, P])
    assert isinstance(first.decision, Deliver)
    assert isinstance(later.decision, Deliver)


def test_what_envoy_does_not_let_through_ends_the_request_whatever_its_target() -> None:
    """A client that has gone, or a body that is too large: no other target would see it differently."""
    journey = Journey(an_engine(policy=IN_TURN)).gets(http(503), Outcome(Kind.REJECTED, 413))

    assert isinstance(journey.decision, Deliver)


def test_with_no_target_left_the_primarys_failure_is_shown() -> None:
    """The response is what the client would have got without these fallbacks; the attempts show the whole."""
    journey = Journey(an_engine(policy=a_policy(fallback_models=(S, T), rounds=1)))
    journey.gets(http(503), final(404), final(401))

    assert stopped(journey) == (StopReason.NO_CANDIDATE, 503)
    assert isinstance(journey.decision, Exhausted)
    assert [failure.error_type for failure in journey.decision.failures] == ["http_503", "http_404", "http_401"]


def test_the_primarys_failure_speaks_even_after_another_one() -> None:
    """But where the last failure is an ordinary one, that speaks."""
    policy = a_policy(fallback_models=(S, T), rounds=1)

    assert stopped(Journey(an_engine(policy=policy)).gets(http(503), http(429), final(401))) == (
        StopReason.NO_CANDIDATE,
        503,
    )
    assert stopped(Journey(an_engine(policy=policy)).gets(http(503), final(401), http(429))) == (
        StopReason.NO_CANDIDATE,
        429,
    )


def test_it_spends_no_rule() -> None:
    """One retry is allowed: the unfit ones are as if they were not there, and the healthy one is still asked."""
    policy = a_policy(default=a_rule(max_attempts=1), fallback_models=(S, T))
    engine = an_engine(P, S, T, U, policy=policy)

    assert isinstance(Journey(engine).gets(http(503), final(401), final(404), SUCCESS).decision, Deliver)
    assert stopped(Journey(engine).gets(http(503), final(401), http(500))) == (StopReason.RULE_SPENT, 500)


def test_it_counts_as_an_attempt() -> None:
    """max_total_attempts bounds what one request can cost, whatever came of it."""
    policy = a_policy(fallback_models=(S, T), max_total_attempts=2)

    assert stopped(Journey(an_engine(policy=policy)).gets(http(503), final(401))) == (StopReason.TOTAL_SPENT, 503)


def test_its_time_counts() -> None:
    policy = a_policy(fallback_models=(S, T), max_duration=1000)
    journey = Journey(an_engine(policy=policy)).gets(http(503), Reply(final(401), took=1001))

    assert stopped(journey) == (StopReason.BUDGET_SPENT, 503)


def test_it_is_asked_in_no_later_round() -> None:
    """And does not keep a later round from coming, which is for what the others have failed by."""
    journey = Journey(an_engine(policy=IN_TURN)).gets(http(503), final(401), http(503))

    assert journey.path == [P, S, T, P]
    assert (journey.waits, journey.reasons[-1]) == ([0, 0, 0, 500], Reason.NEXT_ROUND)
    assert journey.gets(http(503)).path == [P, S, T, P]  # the default rule is spent: three failures
    again = Journey(an_engine(P, S, policy=a_policy(default=a_rule(max_attempts=9), rounds=3)))
    assert again.gets(http(503), final(404), http(500), http(502)).path == [P, S, P, P]


def test_an_unfit_one_alone_makes_no_round() -> None:
    """A rate limit is not over half a second later, whichever other target was unfit."""
    journey = Journey(an_engine(P, S, policy=a_policy())).gets(http(429), final(401))

    assert stopped(journey) == (StopReason.NO_CANDIDATE, 429)


def test_who_comes_next_is_who_would_have_come_without_it() -> None:
    """By the strategy of the failure before, relative to who failed then."""
    policy = a_policy(on_status=on_status(a_rule("on_status_codes[0]", Strategy.SAME_PROVIDER), 429))
    engine = an_engine(P, P2, "openai/o3", S, policy=policy)

    assert Journey(engine).gets(http(429), final(404)).path == [P, P2, "openai/o3"]


def test_a_target_that_turns_out_unfit_later_is_passed_over_too() -> None:
    """Its earlier failure chose itself; what it was chosen for is what counts."""
    here = a_rule("on_status_codes[0]", Strategy.SAME_MODEL)
    engine = an_engine(policy=a_policy(fallback_models=(S, T), on_status=on_status(here, 429)))

    assert Journey(engine).gets(http(503), http(429), final(404)).path == [P, S, S, T]


def test_the_wait_before_it_is_not_waited_twice() -> None:
    """It has taken the place of the next one, whose delay is over; and it does not make later delays longer."""
    backoff = Backoff(Reach.GLOBAL, 100, 5000, Jitter.NONE)
    policy = a_policy(default=Rule("default", max_attempts=9, backoff=backoff), fallback_models=(S, T))
    journey = Journey(an_engine(P, S, T, U, policy=policy)).gets(http(429), final(401), http(429))

    assert (journey.path, journey.waits) == ([P, S, T, U], [0, 100, 0, 200])


def test_all_its_keys_are_tried_first() -> None:
    """A refused key says nothing of the others."""
    engine = an_engine(P, a_target(S, keys=2), T, policy=IN_TURN)
    journey = Journey(engine).gets(http(503), final(401), final(403), SUCCESS)

    assert [(call.target, call.key) for call in journey.calls] == [(P, 0), (S, 0), (S, 1), (T, 0)]


def test_one_that_stands_in_for_a_blocked_primary_is_passed_over_as_well() -> None:
    engine = an_engine(policy=IN_TURN, blocks=blocked(P, 90_000))
    journey = Journey(engine).gets(final(404), SUCCESS)

    assert journey.path == [S, T]
    assert journey.reasons == [Reason.PRIMARY_BLOCKED] * 2


def test_a_primary_that_others_stood_in_for_is_waited_for_when_none_is_left() -> None:
    journey = Journey(an_engine(P, S, policy=a_policy(), blocks=blocked(P, 3000))).gets(final(404), SUCCESS)

    assert (journey.path, journey.waits) == ([S, P], [0, 3000])


def test_no_fit_target_was_called() -> None:
    """The primary is blocked for longer than any request may wait: no failure is shown for the request."""
    journey = Journey(an_engine(P, S, policy=a_policy(), blocks=blocked(P, 90_000))).gets(final(404))

    assert stopped(journey) == (StopReason.WAIT_TOO_LONG, None)
    assert isinstance(journey.decision, Exhausted)
    assert journey.decision.shortest_block == 90_000


def test_a_rule_of_the_operators_wins() -> None:
    """A code that is written down is charged to its entry, whichever target returns it."""
    entry = a_rule("on_status_codes[0]", max_attempts=1)
    policy = a_policy(fallback_models=(S, T), on_status=on_status(entry, 404))
    journey = Journey(an_engine(P, S, T, policy=policy)).gets(http(503), http(404), http(404))

    assert stopped(journey) == (StopReason.RULE_SPENT, 404)


def test_it_blocks_no_target() -> None:
    """What one request is refused for may be that request's own: the next one is classified by itself."""
    blocks = Blocks()
    engine = an_engine(policy=IN_TURN, blocks=blocks)
    Journey(engine).gets(http(503), final(401), SUCCESS)

    assert blocks.snapshot(now=NOW) == ()
    assert Journey(engine).gets(http(503)).path == [P, S]
