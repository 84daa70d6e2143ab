"""Whole requests against the laws."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from support.policy.journeys import Journey
from support.policy.laws import obey_the_laws
from support.policy.moments import moments
from support.policy.scenes import Scene, Script, attempt_states, catalogs, replies, scenes

from extproc.policy.attempt_state import Reason
from extproc.policy.blocks import Blocks
from extproc.policy.decision import Exhausted, StopReason, Try
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses


def test_every_decision_obeys_the_laws() -> None:
    """Whole configurations, several requests at the same time, providers that do whatever they like."""
    seen: set[Reason | StopReason] = set()

    @given(scenes())
    @settings(max_examples=400)
    def the_laws_hold(scene: Scene) -> None:
        decided = moments(scene)
        obey_the_laws(decided)
        for moment in decided:
            if isinstance(moment.decision, Try):
                seen.add(moment.decision.state.next.reason)
            if isinstance(moment.decision, Exhausted):
                seen.add(moment.decision.reason)

    the_laws_hold()

    assert seen == {*Reason, *StopReason}, "a law about what never happens would hold anyway"


@given(scenes())
@settings(max_examples=50)
def test_the_same_random_numbers_and_clock_give_the_same_decisions(scene: Scene) -> None:
    """Two runs are equal: nothing else goes in."""
    first, second = (
        [(moment.decision, moment.now, moment.calls, moment.known) for moment in moments(scene)] for _ in range(2)
    )

    assert first == second


@given(st.data())
@settings(max_examples=80)
def test_the_plan_from_any_state_terminates(data: st.DataObject) -> None:
    """Whatever an attempt state says, it ends, after no more calls than max_total_attempts leaves."""
    catalog = data.draw(catalogs())
    engine, state = Engine(catalog, Blocks(), SlowResponses()), data.draw(attempt_states(catalog))
    policy, script = engine.policy_of(state), Script(tuple(data.draw(st.lists(replies, min_size=1))))

    journey = Journey.resumed(engine, state).through(script)

    left = 1 if policy is None else policy.max_total_attempts - state.attempts_made
    assert len(journey.calls) <= max(1, left)
