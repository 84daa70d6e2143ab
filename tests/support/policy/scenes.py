"""Whole configurations, and what providers may do, for hypothesis to draw."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from types import MappingProxyType
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from extproc.policy.attempt_state import AttemptState, FailedAttempt, NextAttempt, Reason
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.catalog import Catalog
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.rules import (
    CandidateOrder,
    HighLatency,
    Lifetime,
    Measure,
    Policy,
    RetryAfterHandling,
    Rule,
    Scope,
    Strategy,
)
from extproc.policy.target import Api, Credential, Freedom, TargetId
from support.policy.builders import NOW, SUCCESS, TIMEOUT, a_target, after
from support.policy.journeys import Reply
from support.policy.traffic import Arrival

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy

    from extproc.policy.target import Target
    from extproc.policy.units import Rng
    from support.policy.journeys import Call

STATUSES = (400, 401, 408, 429, 500, 503)
MODELS = tuple(TargetId(f"{provider}/{model}") for model in "xyz" for provider in "abc")

short = st.sampled_from([0, 1, 40, 500, 999, 1000, 1001, 3000])
waits = st.sampled_from([2000, 500, 5001, 30_000, 60_000, 61_000, 10**7, 1, 0])


backoffs = st.builds(
    Backoff,
    st.sampled_from(Reach),
    base=st.sampled_from([1, 100, 1000]),
    ceiling=st.sampled_from([1001, 4000, 90_000]),
    jitter=st.sampled_from(Jitter),
)


def rules(name: str) -> SearchStrategy[Rule]:
    """Return rules of that name."""
    strategy = st.sampled_from([*Strategy, Strategy.DIFFERENT_PROVIDER])
    return st.builds(Rule, st.just(name), strategy, st.sampled_from([2, 4, 9, 1, 0]), st.none() | backoffs)


@st.composite
def tables(draw: st.DrawFn) -> MappingProxyType[int, Rule]:
    """Draw an on_status_codes with up to two entries, the first of which wins."""
    table: dict[int, Rule] = {}
    for place, codes in enumerate(draw(st.lists(st.sets(st.sampled_from(STATUSES), min_size=1), max_size=2))):
        rule = draw(rules(f"on_status_codes[{place}]"))
        for code in codes:
            table.setdefault(code, rule)
    return MappingProxyType(table)


high_latencies = st.builds(
    HighLatency,
    threshold=st.sampled_from([500, 1000]),
    measure=st.sampled_from(Measure),
    strategy=st.sampled_from(Strategy),
    max_attempts=st.integers(1, 3),
    block=st.sampled_from([1000, 60_000]),
    scope=st.sampled_from(Scope),
    apply_to=st.sampled_from(Lifetime),
    min_triggers=st.integers(1, 2),
    window=st.sampled_from([1000, 60_000]),
)

handlings = st.builds(
    RetryAfterHandling,
    scope=st.sampled_from(Scope),
    apply_to=st.sampled_from(Lifetime),
    cap=st.sampled_from([1000, 30_000, 300_000]),
    max_wait=st.sampled_from([1000, 60_000]),
)

policies = st.builds(
    Policy,
    default=rules("default"),
    fallback_models=st.lists(st.sampled_from(MODELS), unique=True, max_size=3).map(tuple),
    candidate_order=st.sampled_from(CandidateOrder),
    on_status=tables(),
    on_timeout=st.none() | rules("on_timeout"),
    on_connection_error=st.none() | rules("on_connection_error"),
    timeout_block=st.sampled_from([30_000, 1000, 0]),
    repeat_window=st.sampled_from([2000, 2000, 500, 0]),
    high_latency=st.none() | high_latencies,
    retry_after=handlings,
    max_duration=st.sampled_from([None, None, 1000, 10_000, 100_000]),
    max_total_attempts=st.sampled_from([10, 8, 5, 2, 1]),
    rounds=st.sampled_from([2, 3, 1]),
    round_delay=st.sampled_from([1, 500, 2000]),
)


@st.composite
def targets(draw: st.DrawFn, name: TargetId) -> Target:
    """Draw a target of that name; most of them are ordinary."""
    credential = draw(st.sampled_from([Credential.OWN] * 5 + list(Credential)))
    keys = draw(st.sampled_from([1, 1, 1, 2, 3])) if credential is Credential.OWN else 0
    endpoint = draw(st.sampled_from([None, None, "https://shared.test:443"]))
    speaks = draw(st.sampled_from([[Api.CHAT, Api.EMBEDDINGS]] * 5 + [[Api.EMBEDDINGS]]))
    return a_target(name, endpoint=endpoint, apis=speaks, credential=credential, keys=keys)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Draw a few targets, most of them with the same policy, and perhaps a wildcard."""
    names = draw(st.lists(st.sampled_from(MODELS), unique=True, min_size=4, max_size=7))
    known = {name: draw(targets(name)) for name in names}
    wildcards = {"w": a_target("w/*", keys=2, wildcard=True)} if draw(st.booleans()) else {}
    policy = draw(policies)
    governed = {name: draw(st.sampled_from([policy] * 7 + [None])) for name in names}
    compiled = {name: rule for name, rule in governed.items() if rule is not None}
    return Catalog(known, {}, {}, wildcards, {**compiled, TargetId("w/*"): policy})


outcomes = st.one_of(
    st.builds(Outcome, st.just(Kind.HTTP), st.sampled_from([503, 429, 500, 408]), st.none() | waits),
    st.builds(Outcome, st.just(Kind.HTTP), st.sampled_from([503, 429]), waits),
    st.just(SUCCESS),
    st.builds(Outcome, st.just(Kind.FINAL), st.sampled_from([400, 401, 403])),
    st.just(Outcome(Kind.REJECTED, 413)),
    st.just(TIMEOUT),
    st.just(Outcome(Kind.CONNECTION_ERROR, 502)),
)

replies = st.builds(Reply, outcomes, took=short, rest=short)
"""Mostly failures: success ends what a test wants to see."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Some requests to providers that respond by a script, with random numbers as they come.

    The n-th call of all gets the n-th reply; when they are used up they begin again.
    """

    catalog: Catalog
    arrivals: tuple[Arrival, ...]
    replies: tuple[Reply, ...]
    random_numbers: tuple[float, ...]

    def engine(self, blocks: Blocks | None = None) -> Engine:
        """Return an engine that has seen nothing yet."""
        return Engine(self.catalog, Blocks() if blocks is None else blocks, SlowResponses())

    def rng(self) -> Rng:
        """Return a new random source, which yields the same numbers as every other one of this scene."""
        numbers: Iterator[float] = cycle(self.random_numbers)
        return lambda: next(numbers)

    def world(self) -> Script:
        """Return the providers, at the beginning of their script."""
        return Script(self.replies)


class Script:
    """Providers that respond by one script. Mutable: knows where it is."""

    def __init__(self, replies: tuple[Reply, ...]) -> None:
        self._replies = cycle(replies)

    def __call__(self, _: Call) -> Reply:
        """Return what comes of a call, whichever target is called."""
        return next(self._replies)


@st.composite
def scenes(draw: st.DrawFn, most: int = 6) -> Scene:
    """Draw up to *most* requests within a few seconds of each other."""
    catalog = draw(catalogs())
    primaries = [*catalog.targets, *([TargetId("w/any"), TargetId("w/other")] if catalog.wildcards else [])]
    arrivals = st.builds(
        Arrival,
        st.sampled_from([0, 0, 1, 500, 2000, 40_000]).map(after),
        st.sampled_from(primaries),
        st.sampled_from([Api.CHAT] * 4 + [Api.EMBEDDINGS]),
        st.sampled_from([300_000, 300_000, 300_000, 5000, 1]),
        st.sampled_from([*[Freedom.ANYWHERE] * 6, Freedom.THERE, Freedom.ONCE]),
        st.sampled_from(["", "POST /again"]),
    )
    return Scene(
        catalog,
        tuple(draw(st.lists(arrivals, min_size=2, max_size=most))),
        tuple(draw(st.lists(replies, min_size=4, max_size=12))),
        tuple(draw(st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.999]), min_size=1, max_size=5))),
    )


@st.composite
def attempt_states(draw: st.DrawFn, catalog: Catalog) -> AttemptState:
    """Draw any attempt state about the targets of *catalog*: one that has happened, or one that could not."""
    target = st.sampled_from(list(catalog.targets))
    failures = st.builds(
        FailedAttempt,
        target,
        outcomes,
        st.sampled_from([None, "default", "on_timeout", "on_status_codes[0]", "on_high_latency", "unknown"]),
        key=st.integers(0, 3),
        waited=short,
        duration=short,
    )
    reported = tuple(draw(st.lists(failures, max_size=12)))
    subjects = st.sampled_from([*catalog.targets, "a", "b", "c", "https://shared.test:443"])
    blocks = st.builds(Block, st.sampled_from(BlockKind), subjects, waits.map(after))
    return AttemptState(
        primary=draw(target),
        began=NOW,
        deadline=after(draw(st.sampled_from([300_000, 1000, 0]))),
        next=NextAttempt(draw(target), NOW, draw(st.sampled_from(Reason)), key=draw(st.integers(0, 3))),
        failures=reported,
        first_failure=draw(st.none() | short.map(lambda ago: after(-ago))),
        round=draw(st.integers(1, 4)),
        round_start=draw(st.integers(0, len(reported))),
        blocks=tuple(draw(st.lists(blocks, max_size=4))),
        slow=tuple(draw(st.lists(target, max_size=2))),
        freedom=draw(st.sampled_from([Freedom.ANYWHERE, *Freedom])),
    )
