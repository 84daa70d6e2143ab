"""A target that timed out is deprioritized for a while, so that the client's own retry goes elsewhere."""

from __future__ import annotations

import pytest
from support.policy.builders import (
    CONNECTION_ERROR,
    NOW,
    P2,
    SUCCESS,
    TIMEOUT,
    P,
    S,
    T,
    a_policy,
    a_rule,
    after,
    always,
    an_engine,
    http,
)
from support.policy.journeys import Journey, Reply

from extproc.policy.attempt_state import Reason
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Deliver
from extproc.policy.rules import Lifetime, Policy, RetryAfterHandling, Strategy

LOW = always(0.0)
FAILOVER = a_policy(fallback_models=(S,))
SILENT = Reply(TIMEOUT, took=30_000)


def known(reply: Reply, policy: Policy = FAILOVER, *, number: float = 0.0) -> tuple[Block, ...]:
    """Return the blocks that all requests know of after one whose first attempt came to *reply*."""
    blocks = Blocks()
    Journey(an_engine(policy=policy, blocks=blocks), rng=always(number)).gets(reply)
    return blocks.snapshot(now=NOW)


def deprioritized(until: int) -> tuple[Block, ...]:
    return (Block(BlockKind.LATENCY, P, after(until)),)


def test_the_next_request_goes_elsewhere() -> None:
    """A client that waits no longer than we do asks again as soon as its time is up: it is served at once."""
    engine = an_engine(policy=FAILOVER)
    first = Journey(engine, rng=LOW).gets(SILENT)

    second = Journey(engine, now=first.now).gets(SUCCESS)
    later = Journey(engine, now=after(30_000, now=first.now)).gets(SUCCESS)

    assert (first.path, second.path, later.path) == ([P, S], [S], [P])
    assert second.reasons == [Reason.PRIMARY_BLOCKED]


def test_the_time_begins_when_it_has_failed() -> None:
    """Its end is spread like that of every long block."""
    assert known(SILENT) == deprioritized(60_000)
    assert known(SILENT, number=0.5) == deprioritized(61_500)


@pytest.mark.parametrize(("block", "until"), [(1000, 31_000), (90_000, 120_000)])
def test_the_policy_says_for_how_long(block: int, until: int) -> None:
    assert known(SILENT, a_policy(fallback_models=(S,), timeout_block=block)) == deprioritized(until)


def test_zero_is_off() -> None:
    assert known(SILENT, a_policy(fallback_models=(S,), timeout_block=0)) == ()


@pytest.mark.parametrize("reply", [Reply(http(504), took=30_000), Reply(CONNECTION_ERROR, took=30_000)])
def test_only_silence_counts(reply: Reply) -> None:
    """A provider that says 504 has spoken."""
    assert known(reply) == ()


def test_every_request_knows_whatever_becomes_of_a_retry_after() -> None:
    """It is our own guess about a target, not something that it asked this request for."""
    handling = RetryAfterHandling(apply_to=Lifetime.REQUEST)

    assert known(SILENT, a_policy(fallback_models=(S,), retry_after=handling)) == deprioritized(60_000)


def test_it_never_makes_an_outage() -> None:
    """When all have been silent, the one free soonest is asked all the same."""
    engine = an_engine(P, S, policy=FAILOVER)
    Journey(engine, rng=LOW).gets(SILENT, SILENT)

    again = Journey(engine, now=after(60_000)).gets(SUCCESS)

    assert (again.path, again.waits) == ([P], [0])
    assert isinstance(again.decision, Deliver)


def test_a_single_model_is_never_deprioritized() -> None:
    engine = an_engine(P, policy=a_policy())
    Journey(engine, rng=LOW).gets(SILENT)

    assert Journey(engine, now=after(30_000)).path == [P]


def test_who_is_asked_instead_is_by_the_rule_for_timeouts() -> None:
    """That of on_high_latency where there is one: both are about slowness."""
    policy = a_policy(on_timeout=a_rule("on_timeout", Strategy.SAME_PROVIDER))
    engine = an_engine(P, S, P2, policy=policy)
    Journey(engine, rng=LOW).gets(SILENT)

    assert Journey(engine, now=after(30_000)).path == [P2]


def test_same_model_means_the_same_model_again() -> None:
    """same_model: no other target replaces it, not even for a silent one."""
    policy = a_policy(on_timeout=a_rule("on_timeout", Strategy.SAME_MODEL), fallback_models=(S, T))
    engine = an_engine(policy=policy)
    first = Journey(engine, rng=LOW).gets(SILENT)

    assert (first.path, Journey(engine, now=first.now).path) == ([P, P], [P])
