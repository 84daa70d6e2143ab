"""Requests that cannot go anywhere: for want of what they need, or because they need nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    NOW,
    P2,
    SUCCESS,
    TIMEOUT,
    P,
    S,
    a_high_latency,
    a_policy,
    a_rule,
    a_target,
    after,
    an_engine,
    final,
    http,
)
from support.policy.journeys import Journey, Reply

from extproc.policy.attempt_state import Reason
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Deliver, Exhausted, StopReason
from extproc.policy.rules import Policy, Rule, Strategy
from extproc.policy.target import Api, Freedom

if TYPE_CHECKING:
    from extproc.policy.outcome import Outcome

KEYED = a_target(P, keys=3)


class TestThere:
    """What needs something that its provider keeps."""

    @pytest.mark.parametrize("strategy", Strategy)
    def test_it_is_asked_again_where_it_belongs(self, strategy: Strategy) -> None:
        """After as long as a new round would have waited, unless the rule is about that very model."""
        policy = a_policy(default=a_rule(strategy=strategy), fallback_models=(P2, S))
        journey = Journey(an_engine(P, P2, S, policy=policy), freedom=Freedom.THERE).gets(http(503), http(503))

        assert journey.path == [P, P, P]
        assert set(journey.reasons[1:]) == {Reason.SAME_MODEL}
        assert journey.waits == ([0, 0, 0] if strategy is Strategy.SAME_MODEL else [0, 500, 500])

    def test_its_rule_says_how_often(self) -> None:
        journey = Journey(an_engine(policy=a_policy()), freedom=Freedom.THERE).gets(*[http(503)] * 3)

        assert isinstance(journey.decision, Exhausted)
        assert journey.decision.reason is StopReason.RULE_SPENT
        assert journey.path == [P] * 3

    def test_it_waits_as_long_as_it_is_asked_to(self) -> None:
        journey = Journey(an_engine(policy=a_policy()), freedom=Freedom.THERE).gets(http(429, 2000))

        assert (journey.path, journey.waits) == ([P, P], [0, 2000])

    def test_or_it_is_exhausted(self) -> None:
        """With the block's end, though another target could have served it: no client waits that long."""
        journey = Journey(an_engine(policy=a_policy()), freedom=Freedom.THERE).gets(http(429, 61_000))

        assert isinstance(journey.decision, Exhausted)
        assert (journey.decision.reason, journey.decision.shortest_block) == (StopReason.WAIT_TOO_LONG, 64_050)
        assert journey.path == [P]

    def test_a_block_is_waited_for_and_slowness_is_borne(self) -> None:
        blocks = Blocks()
        blocks.add(Block(BlockKind.RETRY_AFTER, P, after(1000)), now=NOW)
        slow = Blocks()
        slow.add(Block(BlockKind.LATENCY, P, after(60_000)), now=NOW)
        policy = a_policy(high_latency=a_high_latency())

        waited = Journey(an_engine(policy=policy, blocks=blocks), freedom=Freedom.THERE)
        borne = Journey(an_engine(policy=policy, blocks=slow), freedom=Freedom.THERE)

        assert (waited.path, waited.waits) == ([P], [1000])
        assert (borne.path, borne.waits) == ([P], [0])

    def test_the_back_off_counts(self) -> None:
        backoff = Backoff(Reach.GLOBAL, 2000, 9000, Jitter.NONE)
        policy = a_policy(default=Rule("default", backoff=backoff))

        journey = Journey(an_engine(policy=policy), freedom=Freedom.THERE).gets(http(503))

        assert journey.waits == [0, 2000]

    def test_no_time_limit_sends_it_elsewhere(self) -> None:
        """There is no alternative to it, so it has all the time the listener gives."""
        engine = an_engine(policy=a_policy(default=a_rule(strategy=Strategy.SAME_MODEL)))
        journey = Journey(engine, freedom=Freedom.THERE)

        assert not engine.has_alternative(journey.state, Api.CHAT, now=NOW, rng=journey.rng)
        assert journey.gets(TIMEOUT).path == [P, P]

    @pytest.mark.parametrize("policy", [None, a_policy()])
    def test_it_is_always_the_first_key(self, policy: Policy | None) -> None:
        """Who made the state is not known; what others keep is made with the first as well."""
        engine = an_engine(KEYED, S, policy=policy)

        keys = [Journey(engine, freedom=Freedom.THERE).calls[0].key for _ in range(3)]

        assert keys == [0, 0, 0]

    @pytest.mark.parametrize(("outcome", "wait"), [(http(429, 3000), 3000), (http(429), 500)])
    def test_no_other_key_takes_its_place(self, outcome: Outcome, wait: int) -> None:
        """It is waited for as its provider asks; where that has not asked, no longer than after any failure."""
        journey = Journey(an_engine(KEYED, S, policy=a_policy()), freedom=Freedom.THERE).gets(outcome)

        assert [(call.target, call.key, call.waited) for call in journey.calls] == [(P, 0, 0), (P, 0, wait)]

    def test_a_refusal_is_the_clients(self) -> None:
        journey = Journey(an_engine(KEYED, S, policy=a_policy()), freedom=Freedom.THERE).gets(final(401))

        assert isinstance(journey.decision, Deliver)
        assert journey.path == [P]

    def test_a_key_that_others_were_refused_with_is_asked_with_at_once(self) -> None:
        """No other will do, and its provider says best what is wrong with it: no request waits for our guess."""
        engine = an_engine(KEYED, S, policy=a_policy())
        Journey(engine).gets(final(401), SUCCESS)

        journey = Journey(engine, freedom=Freedom.THERE).gets(final(401))

        assert [(call.target, call.key, call.waited) for call in journey.calls] == [(P, 0, 0)]
        assert isinstance(journey.decision, Deliver)

    @pytest.mark.parametrize(("retry_after", "waits"), [(3000, [3000]), (61_000, [])])
    def test_a_key_that_its_provider_wants_left_alone_is_waited_for_or_given_up(
        self, retry_after: int, waits: list[int]
    ) -> None:
        engine = an_engine(KEYED, S, policy=a_policy())
        Journey(engine).gets(http(429, retry_after), SUCCESS)

        assert Journey(engine, freedom=Freedom.THERE).waits == waits

    @pytest.mark.parametrize("api", [Api.OTHER, Api.ANTHROPIC])
    def test_what_a_provider_keeps_is_such_a_request(self, api: Api) -> None:
        """Files and batches, whatever the caller says of it."""
        all_targets = [a_target(target, apis=Api) for target in (P, P2, S)]
        journey = Journey(an_engine(*all_targets, policy=a_policy()), api=api).gets(http(503))

        assert journey.path == [P, P]


class TestOnce:
    """What asks for no generation: GET, HEAD, OPTIONS."""

    @pytest.mark.parametrize("outcome", [http(429, 2000), http(503), TIMEOUT, final(404)])
    def test_its_response_is_delivered_whatever_it_is(self, outcome: Outcome) -> None:
        blocks = Blocks()
        engine = an_engine(KEYED, S, policy=a_policy(high_latency=a_high_latency()), blocks=blocks)
        reply = Reply(outcome, took=9000, rest=9000)

        journey = Journey(engine, freedom=Freedom.ONCE).gets(reply)

        assert isinstance(journey.decision, Deliver)
        assert [(call.target, call.key) for call in journey.calls] == [(P, 0)]
        assert blocks.snapshot(now=NOW) == ()

    @pytest.mark.parametrize("kind", [BlockKind.RETRY_AFTER, BlockKind.LATENCY])
    def test_no_block_holds_it_back(self, kind: BlockKind) -> None:
        """Clients give up on a list after three seconds."""
        blocks = Blocks()
        blocks.add(Block(kind, P, after(30_000)), now=NOW)

        journey = Journey(an_engine(policy=a_policy(), blocks=blocks), freedom=Freedom.ONCE)

        assert (journey.path, journey.waits) == ([P], [0])

    def test_no_target_stands_in_if_it_takes_too_long(self) -> None:
        engine = an_engine(policy=a_policy())
        journey = Journey(engine, freedom=Freedom.ONCE)

        assert not engine.has_alternative(journey.state, Api.CHAT, now=NOW, rng=journey.rng)
        assert engine.policy_of(journey.state) is None

    def test_what_is_received_before_its_end_is_of_no_consequence(self) -> None:
        blocks = Blocks()
        engine = an_engine(policy=a_policy(), blocks=blocks)
        journey = Journey(engine, freedom=Freedom.ONCE)

        engine.record_retry_after(journey.state, http(429, 9000), Api.CHAT, now=NOW, rng=journey.rng)

        assert blocks.snapshot(now=NOW) == ()
