"""The rotation of a target's access keys, and their cooldowns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    NOW,
    P2,
    SUCCESS,
    P,
    S,
    a_high_latency,
    a_next_attempt,
    a_policy,
    a_rule,
    a_state,
    a_target,
    after,
    always,
    an_engine,
    final,
    http,
)
from support.policy.journeys import Journey, Reply
from support.policy.keyed import KEYED, engine_of, keys, on_cooldown, refused

from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Deliver
from extproc.policy.rules import CandidateOrder, Lifetime, RetryAfterHandling, Strategy
from extproc.policy.target import Api

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.policy.outcome import Outcome


def test_keys_rotate_across_requests() -> None:
    engine = engine_of()

    assert [keys(Journey(engine)) for _ in range(4)] == [[(P, 0)], [(P, 1)], [(P, 2)], [(P, 0)]]


def test_keys_rotate_without_a_policy_too() -> None:
    """A policy is about failures; taking turns is not."""
    engine = an_engine(KEYED)

    assert [keys(Journey(engine)) for _ in range(4)] == [[(P, 0)], [(P, 1)], [(P, 2)], [(P, 0)]]


def test_each_target_has_turns_of_its_own() -> None:
    other = a_target(S, keys=3)
    engine = an_engine(KEYED, other)

    used = [Journey(engine, target).calls[0].key for target in (P, P, S, P, S)]

    assert used == [0, 1, 0, 2, 1]


def test_keys_on_cooldown_are_passed_over_without_a_policy_too() -> None:
    """Other requests have found out; until the cooldown ends."""
    blocks = Blocks()
    blocks.add(on_cooldown(1000, 0), now=NOW)
    engine = an_engine(KEYED, blocks=blocks)

    assert [keys(Journey(engine, now=after(at))) for at in (0, 999, 1000, 1000)] == [
        [(P, 1)],
        [(P, 2)],
        [(P, 0)],
        [(P, 1)],
    ]


def test_keys_rotate_across_attempts() -> None:
    """A failure that does not speak of the key uses the next one as well."""
    policy = a_policy(default=a_rule(strategy=Strategy.SAME_MODEL))

    assert keys(Journey(engine_of(policy)).gets(http(503), http(503))) == [(P, 0), (P, 1), (P, 2)]


@pytest.mark.parametrize(
    ("outcome", "rest", "cooldown"),
    [
        (final(401), 60_000, refused),
        (http(429), 60_000, refused),
        (http(429, retry_after=2000), 2000, on_cooldown),
        (final(401, retry_after=90_000), 90_000, on_cooldown),
        (http(429, retry_after=10**9), 300_000, on_cooldown),
    ],
)
def test_a_refused_key_is_on_cooldown(outcome: Outcome, rest: int, cooldown: Callable[[int, int], Block]) -> None:
    """For all requests, until its Retry-After (at most the cap) or for a minute; exactly."""
    blocks = Blocks()

    Journey(engine_of(blocks=blocks)).gets(Reply(outcome, took=30))

    assert blocks.snapshot(now=NOW) == (cooldown(30 + rest, 0),)


@pytest.mark.parametrize("number", [4, -2, 2**31 - 1])
def test_the_key_that_was_sent_is_on_cooldown_whatever_its_number(number: int) -> None:
    """An attempt state may come from a process with more keys: a number that no key has must not be remembered."""
    blocks = Blocks()
    state = a_state(a_next_attempt(P, key=number))

    engine_of(blocks=blocks).after(state, final(401), Api.CHAT, duration=0, now=NOW, rng=always(0))

    assert blocks.snapshot(now=NOW) == (refused(60_000, 1),)


def test_a_key_on_cooldown_is_not_used() -> None:
    """Until the cooldown ends."""
    engine = engine_of()
    Journey(engine).gets(final(401), SUCCESS)

    later = [keys(Journey(engine, now=after(at)))[0][1] for at in (0, 0, 0, 59_999, 60_000, 60_000, 60_000)]

    assert later == [1, 2, 1, 2, 0, 1, 2]


def test_the_wait_of_one_key_does_not_block_its_target() -> None:
    """The next key may well have quota left."""
    engine = engine_of()

    journey = Journey(engine).gets(http(429, retry_after=30_000), SUCCESS)

    assert keys(journey) == [(P, 0), (P, 1)]
    assert Journey(engine).path == [P]


def test_a_target_whose_keys_are_all_on_cooldown_comes_last() -> None:
    """Until the first cooldown ends."""
    engine = engine_of()
    Journey(engine).gets(final(401), Reply(final(403), took=10), Reply(final(402), took=10))

    assert [Journey(engine, now=after(at)).path for at in (20, 59_999, 60_000)] == [[S], [S], [P]]


def test_a_target_whose_keys_are_all_on_cooldown_may_be_waited_for() -> None:
    """The wait is for the key whose cooldown ends first, and that key is used."""
    blocks = Blocks()
    for number, until in enumerate((9000, 7000, 8000)):
        blocks.add(on_cooldown(until, number), now=NOW)

    journey = Journey(an_engine(KEYED, policy=a_policy(), blocks=blocks))

    assert (keys(journey), journey.waits) == ([(P, 1)], [7000])


def test_no_request_waits_for_a_cooldown_that_is_our_guess() -> None:
    """A provider that refuses all of a target's keys says best what is wrong; and perhaps it takes them again."""
    engine = engine_of(a_policy())
    Journey(engine).gets(final(401), final(401), final(401))

    journey = Journey(an_engine(KEYED, policy=a_policy(), blocks=engine._shared.blocks)).gets(final(401))

    assert (keys(journey), journey.waits) == ([(P, 0)], [0])
    assert isinstance(journey.decision, Deliver)


def test_what_a_provider_has_asked_for_is_waited_for_beside_a_guess() -> None:
    """The key that will do again is waited for; the other one would be refused."""
    blocks = Blocks()
    for cooldown in (refused(60_000, 0), on_cooldown(7000, 1), refused(60_000, 2)):
        blocks.add(cooldown, now=NOW)

    journey = Journey(an_engine(KEYED, policy=a_policy(), blocks=blocks))

    assert (keys(journey), journey.waits) == ([(P, 1)], [7000])


def test_without_a_key_the_primary_is_stood_in_for_by_the_default_strategy() -> None:
    """on_high_latency says what a slow one leads to, and this one is not slow."""
    policy = a_policy(fallback_models=(S,), high_latency=a_high_latency(strategy=Strategy.SAME_MODEL))
    engine = engine_of(policy)
    Journey(engine).gets(final(401), final(401), final(401))

    assert Journey(engine).path == [S]


def test_without_a_choice_of_keys_the_only_one_is_kept() -> None:
    """A 429 is then the target's own, and a 401 leads to another target."""
    blocks = Blocks()

    journey = Journey(engine_of(blocks=blocks, keys=1)).gets(http(429, retry_after=2000))

    assert (journey.path, blocks.snapshot(now=NOW)) == ([P, S], (Block(BlockKind.RETRY_AFTER, P, after(2000)),))
    assert Journey(engine_of(keys=1)).gets(final(401)).path == [P, S]


@pytest.mark.parametrize("lifetime", list(Lifetime))
def test_a_wait_that_is_not_about_the_key_blocks_the_target(lifetime: Lifetime) -> None:
    """An overloaded provider is overloaded whichever key is used."""
    policy = a_policy(fallback_models=(S,), retry_after=RetryAfterHandling(apply_to=lifetime))
    blocks = Blocks()

    journey = Journey(engine_of(policy, blocks=blocks)).gets(http(503, retry_after=2000))

    block = Block(BlockKind.RETRY_AFTER, P, after(2000))
    assert journey.path == [P, S]
    assert (*journey.state.blocks, *blocks.snapshot(now=NOW)) == (block,)


def test_turns_do_not_grow_with_names_that_clients_invent() -> None:
    """All models of a wildcard share the turns of its keys: the keys are the same."""
    policy = a_policy(candidate_order=CandidateOrder.ROUND_ROBIN)
    engine = an_engine(S, policy=policy, wildcards=[a_target("openai/*", keys=3, wildcard=True)])

    used = [Journey(engine, target).gets(http(503)).calls[0].key for target in (P, P2, P, P2)]

    assert used == [0, 1, 2, 0]
    assert len(engine._shared.rotation) == 2
