"""What a provider's Retry-After blocks, for whom, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    NOW,
    P2,
    SUCCESS,
    P,
    S,
    a_block,
    a_policy,
    a_rule,
    a_target,
    after,
    always,
    an_engine,
    final,
    http,
    on_status,
)
from support.policy.journeys import Journey, Reply

from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.rules import CandidateOrder, Lifetime, Policy, RetryAfterHandling, Scope

if TYPE_CHECKING:
    from extproc.policy.engine import Engine
    from extproc.policy.outcome import Outcome
    from extproc.policy.units import Rng

LOW = always(0.0)


def known(*replies: Outcome | Reply, policy: Policy | None = None, rng: Rng = LOW) -> tuple[Block, ...]:
    """Return the blocks that all requests know of after one that got *replies*."""
    blocks = Blocks()
    Journey(an_engine(policy=policy or a_policy(fallback_models=(S,)), blocks=blocks), rng=rng).gets(*replies)
    return blocks.snapshot(now=NOW)


def retry_after(until: int, subject: str = P) -> Block:
    return a_block(until, subject, BlockKind.RETRY_AFTER)


def test_the_next_request_never_calls_who_has_asked_for_time() -> None:
    """Both requests are served at once; from the block's end on, the primary is called again."""
    engine = an_engine(policy=a_policy(fallback_models=(S,)))

    first = Journey(engine, rng=LOW).gets(http(429, retry_after=60_000), SUCCESS)
    second = Journey(engine, now=after(59_999)).gets(SUCCESS)
    third = Journey(engine, now=after(60_000)).gets(SUCCESS)

    assert [journey.path for journey in (first, second, third)] == [[P, S], [S], [P]]
    assert [journey.waits for journey in (first, second, third)] == [[0, 0], [0], [0]]


@pytest.mark.parametrize("status", [429, 503, 408, 529])
def test_any_retriable_response_may_ask(status: int) -> None:
    """The block begins when the response has come."""
    assert known(Reply(http(status, retry_after=2000), took=100)) == (retry_after(2100),)


@pytest.mark.parametrize("outcome", [http(429), final(404, retry_after=2000), http(429, retry_after=0)])
def test_a_target_that_does_not_ask_is_not_blocked(outcome: Outcome) -> None:
    """Zero means now."""
    assert known(outcome) == ()


@pytest.mark.parametrize(
    ("scope", "subject"),
    [(Scope.MODEL, P), (Scope.PROVIDER, "openai"), (Scope.ENDPOINT, "https://openai.test:443")],
)
def test_the_scope_says_what_is_blocked(scope: Scope, subject: str) -> None:
    policy = a_policy(retry_after=RetryAfterHandling(scope=scope))

    assert known(http(429, retry_after=2000), policy=policy) == (retry_after(2000, subject),)


def test_a_block_is_never_longer_than_the_cap() -> None:
    """max_retry_after_seconds; what was asked for is still reported."""
    policy = a_policy(retry_after=RetryAfterHandling(cap=4000))
    waits = (3999, 4000, 4001, 10**12)

    assert [known(http(429, retry_after=wait), policy=policy) for wait in waits] == [
        (retry_after(until),) for until in (3999, 4000, 4000, 4000)
    ]


def test_five_minutes_are_the_cap_by_default() -> None:
    assert known(http(429, retry_after=10**12)) == (retry_after(300_000),)


@pytest.mark.parametrize(
    ("asked", "number", "until"),
    [(5000, 0.99, 5000), (5001, 0.99, 5496), (5001, 0.0, 5001), (100_000, 0.5, 105_000), (100_000, 0.999, 109_990)],
)
def test_the_end_of_a_long_block_is_spread(asked: int, number: float, until: int) -> None:
    """By up to a tenth from five seconds on, so that not everyone returns at once; never towards now."""
    assert known(http(429, retry_after=asked), rng=always(number)) == (retry_after(until),)


def test_a_block_that_may_be_waited_for_stays_so() -> None:
    """Spreading ends where max_wait_seconds does."""
    handling = RetryAfterHandling(max_wait=60_000)

    for asked, until in ((56_000, 60_000), (60_000, 60_000), (60_001, 65_941)):
        assert known(
            http(429, retry_after=asked), policy=a_policy(retry_after=handling, fallback_models=(S,)), rng=always(0.99)
        ) == (retry_after(until),)


def test_a_block_of_one_request_is_not_spread() -> None:
    """No other status is returned with it; no other request knows of it."""
    policy = a_policy(retry_after=RetryAfterHandling(apply_to=Lifetime.REQUEST), fallback_models=(S,))
    blocks = Blocks()

    journey = Journey(an_engine(policy=policy, blocks=blocks), rng=always(0.99)).gets(http(429, retry_after=60_000))

    assert (journey.state.blocks, blocks.snapshot(now=NOW)) == ((retry_after(60_000),), ())


def test_a_request_carries_the_later_of_two_blocks() -> None:
    """The same target asks again for less, after a wait for another."""
    policy = a_policy(
        default=a_rule(max_attempts=9),
        retry_after=RetryAfterHandling(scope=Scope.ENDPOINT, apply_to=Lifetime.REQUEST),
        candidate_order=CandidateOrder.PRIORITY,
    )
    shared = [a_target(target, endpoint="https://shared.test:443") for target in (P, S)]

    journey = Journey(an_engine(*shared, "x/y", policy=policy)).gets(http(429, retry_after=9000))
    journey.gets(Reply(http(503, retry_after=5000), took=1000))

    assert (journey.path, journey.waits) == ([P, "x/y", S], [0, 0, 8000])
    assert journey.state.blocks == (
        retry_after(9000, "https://shared.test:443"),
        Block(BlockKind.RETRY_AFTER, "https://x.test:443", after(6000)),
    )


def test_a_request_knows_the_blocks_of_all_and_its_own() -> None:
    """Global ones count whatever the policy of the request says about its own."""
    blocks = Blocks()
    blocks.add(retry_after(9000, S), now=NOW)
    policy = a_policy(
        retry_after=RetryAfterHandling(apply_to=Lifetime.REQUEST), candidate_order=CandidateOrder.PRIORITY
    )

    assert Journey(an_engine(policy=policy, blocks=blocks)).gets(http(429)).path == [P, "mistral/mistral-large"]


def test_a_block_is_learnt_even_if_the_request_ends_with_it() -> None:
    """The next request is better off, whether this one is exhausted or its response passes through."""
    spent = a_policy(on_status=on_status(a_rule("on_status_codes[0]", max_attempts=0), 429))

    assert known(http(429, retry_after=2000), policy=spent) == (retry_after(2000),)


def test_every_block_is_handed_out_as_it_is_stored() -> None:
    """With its spread end: all processes release a target at the same time."""
    reported: list[Block] = []
    engine = an_engine(policy=a_policy(fallback_models=(S,)), blocks=Blocks(reported.append))

    Journey(engine).gets(http(429, retry_after=100_000))

    assert reported == [retry_after(105_000)]


def test_blocks_published_by_others_count() -> None:
    """Requests that share the store are spared the same refusal."""
    blocks = Blocks()
    engine: Engine = an_engine(policy=a_policy(fallback_models=(S,)), blocks=blocks)

    blocks.merge(retry_after(5000), now=NOW)

    assert Journey(engine).path == [S]


def test_another_model_is_not_blocked_by_what_was_said_about_one() -> None:
    engine = an_engine(P, P2, S, policy=a_policy(fallback_models=(S,)))
    Journey(engine).gets(http(429, retry_after=5000))

    assert Journey(engine, P2).path == [P2]
