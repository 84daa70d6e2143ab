"""How slow responses deprioritize a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    CONNECTION_ERROR,
    NOW,
    P2,
    SUCCESS,
    TIMEOUT,
    P,
    S,
    a_block,
    a_high_latency,
    a_policy,
    a_rule,
    after,
    always,
    an_engine,
    final,
    http,
)
from support.policy.journeys import Journey, Reply

from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Deliver
from extproc.policy.rules import HighLatency, Lifetime, Measure, Scope, Strategy

if TYPE_CHECKING:
    from extproc.policy.outcome import Outcome

TOTAL = a_high_latency(measure=Measure.TOTAL, block=4000)
TTFB = a_high_latency(measure=Measure.TTFB, block=4000)


def latency(until: int, subject: str = P) -> Block:
    return a_block(until, subject, BlockKind.LATENCY)


def known(rule: HighLatency | None, *replies: Outcome | Reply, number: float = 0.0) -> tuple[Block, ...]:
    """Return the blocks that all requests know of after one that got *replies*."""
    blocks = Blocks()
    policy = a_policy(high_latency=rule, fallback_models=(S,), timeout_block=0)
    Journey(an_engine(policy=policy, blocks=blocks), rng=always(number)).gets(*replies)
    return blocks.snapshot(now=NOW)


def test_a_slow_response_is_delivered_and_its_target_avoided_afterwards() -> None:
    """The second request goes elsewhere, until the block is over."""
    engine = an_engine(policy=a_policy(high_latency=TOTAL, fallback_models=(S,)))

    first = Journey(engine).gets(Reply(took=100, rest=1400))

    assert isinstance(first.decision, Deliver)
    assert (first.path, first.now) == ([P], after(1500))
    assert [Journey(engine, now=after(at)).path for at in (1500, 5499, 5500)] == [[S], [S], [P]]


@pytest.mark.parametrize(
    ("rule", "reply", "blocks"),
    [
        (TTFB, Reply(took=1000), ()),
        (TTFB, Reply(took=1001), (latency(5001),)),
        (TTFB, Reply(took=10, rest=5000), ()),
        (TOTAL, Reply(took=400, rest=600), ()),
        (TOTAL, Reply(took=400, rest=601), (latency(5001),)),
        (None, Reply(took=9000, rest=9000), ()),
    ],
)
def test_strictly_slower_than_the_threshold(rule: HighLatency | None, reply: Reply, blocks: tuple[Block, ...]) -> None:
    """`ttfb` is measured to the response headers, `total` to the end of the response."""
    assert known(rule, reply) == blocks


def test_headers_that_are_too_slow_count_at_once() -> None:
    """The total can only be more: the block begins with the headers, and the end does not count again."""
    pair = a_high_latency(measure=Measure.TOTAL, block=4000, min_triggers=2)

    assert known(TOTAL, Reply(took=1001, rest=9000)) == (latency(5001),)
    assert known(pair, Reply(took=1001, rest=9000)) == ()


@pytest.mark.parametrize(
    ("outcome", "blocks"),
    [
        (SUCCESS, (latency(5500),)),
        (http(503), (latency(5500),)),
        (final(404), (latency(5500),)),
        (TIMEOUT, (latency(5500),)),
        (CONNECTION_ERROR, ()),
    ],
)
def test_what_counts_as_slow(outcome: Outcome, blocks: tuple[Block, ...]) -> None:
    """Every response, and a timeout; not a connection that broke, which says nothing of speed."""
    assert known(TTFB, Reply(outcome, took=1500)) == blocks


def test_a_timeout_faster_than_the_threshold_does_not_count() -> None:
    assert known(TTFB, Reply(TIMEOUT, took=1000)) == ()


def test_without_a_policy_nothing_is_measured() -> None:
    blocks = Blocks()
    Journey(an_engine(blocks=blocks)).gets(Reply(took=9000, rest=9000))

    assert blocks.snapshot(now=NOW) == ()


def test_without_on_high_latency_the_end_teaches_nothing() -> None:
    assert known(None, Reply(took=0, rest=9000)) == ()


@pytest.mark.parametrize("measure", list(Measure))
def test_enough_slow_responses_make_a_block(measure: Measure) -> None:
    """min_triggers within the window, from different requests; then the count starts over."""
    blocks = Blocks()
    rule = a_high_latency(measure=measure, min_triggers=3, window=10_000, block=1)
    engine = an_engine(policy=a_policy(high_latency=rule), blocks=blocks)
    seen = []

    for at in (0, 4000, 9999, 10_001, 10_002, 10_003):
        Journey(engine, now=after(at)).gets(Reply(took=1001))
        seen.append(len(blocks.snapshot(now=after(at + 1001))))

    assert seen == [0, 0, 1, 0, 0, 1]


def test_slow_responses_of_others_do_not_count() -> None:
    """Each target has a window of its own."""
    rule = a_high_latency(min_triggers=2, max_attempts=9)
    blocks = Blocks()
    engine = an_engine(policy=a_policy(high_latency=rule, fallback_models=(S,)), blocks=blocks)

    assert Journey(engine).gets(Reply(http(503), took=1500), Reply(took=1500)).path == [P, S]
    assert blocks.snapshot(now=NOW) == ()


def test_slow_responses_too_far_apart_make_no_block() -> None:
    rule = a_high_latency(min_triggers=2, window=10_000)
    blocks = Blocks()
    engine = an_engine(policy=a_policy(high_latency=rule), blocks=blocks)

    for at in (0, 10_000, 20_000):
        Journey(engine, now=after(at)).gets(Reply(took=1001))

    assert blocks.snapshot(now=after(20_000)) == ()


def test_one_request_counts_once_per_target() -> None:
    """Whatever its retries and rounds: else one request alone could make a block that takes several."""
    rule = a_high_latency(min_triggers=2, max_attempts=9, strategy=Strategy.SAME_MODEL)
    blocks = Blocks()
    engine = an_engine(policy=a_policy(high_latency=rule), blocks=blocks)

    journey = Journey(engine).gets(*[Reply(http(503), took=1500)] * 4)

    assert (journey.path, journey.state.slow) == ([P] * 5, (P,))
    assert blocks.snapshot(now=NOW) == ()


def test_one_request_counts_for_each_of_its_targets() -> None:
    """With scope provider two models of one provider are two slow responses of it."""
    rule = a_high_latency(min_triggers=2, scope=Scope.PROVIDER, strategy=Strategy.SAME_PROVIDER, block=4000)
    blocks = Blocks()
    engine = an_engine(P, P2, policy=a_policy(high_latency=rule, rounds=1), blocks=blocks)

    journey = Journey(engine).gets(*[Reply(http(503), took=1500)] * 2)

    assert journey.path == [P, P2]
    assert blocks.snapshot(now=NOW) == (latency(7000, "openai"),)


@pytest.mark.parametrize(
    ("scope", "subject"),
    [(Scope.MODEL, P), (Scope.PROVIDER, "openai"), (Scope.ENDPOINT, "https://openai.test:443")],
)
def test_the_scope_says_what_is_deprioritized(scope: Scope, subject: str) -> None:
    assert known(a_high_latency(scope=scope, block=4000), Reply(took=1500)) == (latency(5500, subject),)


def test_the_end_of_a_long_block_is_spread() -> None:
    """By up to a tenth, however long: no request waits for it."""
    assert known(a_high_latency(block=60_000), Reply(took=1500), number=0.5) == (latency(64_500),)
    assert known(a_high_latency(block=5000), Reply(took=1500), number=0.5) == (latency(6500),)


def test_a_block_of_one_request_is_its_own() -> None:
    """It keeps this request's later attempts away, and concerns no other request."""
    rule = a_high_latency(apply_to=Lifetime.REQUEST, strategy=Strategy.DIFFERENT_PROVIDER, block=60_000)
    policy = a_policy(default=a_rule(max_attempts=9), high_latency=rule, fallback_models=(S, P))
    engine = an_engine(P, S, "x/y", policy=policy)

    journey = Journey(engine).gets(Reply(http(503), took=1500))

    assert (journey.path, journey.state.blocks) == ([P, S], (latency(61_500),))
    assert Journey(engine, now=after(1500)).path == [P]


def test_avoiding_is_not_waiting() -> None:
    """A latency block is no Retry-After: the client is not asked to wait for it."""
    rule = a_high_latency(strategy=Strategy.SAME_MODEL, max_attempts=1)
    engine = an_engine(P, policy=a_policy(high_latency=rule))

    journey = Journey(engine).gets(Reply(http(503), took=1500))

    assert (journey.path, journey.waits) == ([P, P], [0, 0])
