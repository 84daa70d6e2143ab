"""Blocks and slow responses against models that are too simple to be wrong."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.policy.builders import NOW, a_high_latency, a_target, after

from extproc.policy.availability import Availability
from extproc.policy.blocks import Block, BlockKind, Blocks, later
from extproc.policy.latency import SlowResponses

if TYPE_CHECKING:
    from extproc.policy.rules import HighLatency
    from extproc.policy.units import Instant

TARGETS = (a_target("a/x"), a_target("a/y"), a_target("b/x", endpoint="https://a.test:443"))
SUBJECTS = ("a/x", "a/y", "b/x", "a", "b", "https://a.test:443")
KINDS = (BlockKind.RETRY_AFTER, BlockKind.LATENCY)

blocks = st.builds(Block, st.sampled_from(KINDS), st.sampled_from(SUBJECTS), st.integers(-10, 100).map(after))
rules = st.sampled_from(
    [a_high_latency(min_triggers=enough, window=window) for enough in (1, 3) for window in (10, 30)]
)


def state(held: Blocks, *, now: Instant = NOW) -> set[Block]:
    return set(held.snapshot(now=now))


@given(st.tuples(*[st.lists(blocks, max_size=4)] * 3))
def test_merging_is_in_any_order_and_any_number_of_times(parts: tuple[list[Block], ...]) -> None:
    """Commutative, associative, idempotent: whatever way news takes, all stores come to the same."""
    results = set()
    for order in permutations(parts):
        first, second = Blocks(), Blocks()
        for block in (*order[1], *order[2], *order[1]):
            second.merge(block, now=NOW)
        for block in (*order[0], *second.snapshot(now=NOW), *order[0]):
            first.merge(block, now=NOW)
        results.add(frozenset(state(first)))

    assert len(results) == 1


@given(st.lists(blocks))
def test_a_request_and_the_store_follow_the_same_law(news: list[Block]) -> None:
    """But for blocks that are over already, which a request may carry."""
    carried: tuple[Block, ...] = ()
    held = Blocks()
    for block in news:
        carried = later(carried, block)
        held.merge(block, now=NOW)

    assert {block for block in carried if block.until > NOW} == state(held)
    assert len({(block.kind, block.subject) for block in carried}) == len(carried)


class Knowledge(RuleBasedStateMachine):
    """Two processes that publish blocks to each other, sooner or later, in any order, perhaps twice; and one model."""

    @initialize()
    def begin(self) -> None:
        """Begin with nothing known; time goes on."""
        self.now = NOW
        self.reported: list[Block] = []
        self.mine, self.theirs = Blocks(self.reported.append), Blocks()
        self.ends: dict[tuple[BlockKind, str], Instant] = {}
        self.received: dict[tuple[BlockKind, str], Instant] = {}
        self.slow = SlowResponses()
        self.events: dict[tuple[HighLatency, str], list[Instant]] = {}

    @rule(delay=st.integers(0, 40))
    def wait(self, delay: int) -> None:
        """Let time pass."""
        self.now = after(delay, now=self.now)

    @rule(kind=st.sampled_from(KINDS), subject=st.sampled_from(SUBJECTS), length=st.integers(-5, 60))
    def block(self, kind: BlockKind, subject: str, length: int) -> None:
        """Block something: that is news exactly if it is later than all before it, and not over yet."""
        until, known = after(length, now=self.now), self.ends.get((kind, subject), self.now)
        before = len(self.reported)

        self.mine.add(Block(kind, subject, until), now=self.now)

        assert (len(self.reported) > before) == (until > max(known, self.now))
        self.ends[kind, subject] = max(until, known)

    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        """Pass the other process a block that was published."""
        if self.reported:
            block = data.draw(st.sampled_from(self.reported))
            self.theirs.merge(block, now=self.now)
            key = (block.kind, block.subject)
            self.received[key] = max(block.until, self.received.get(key, block.until))

    @rule(limit=rules, subject=st.sampled_from(SUBJECTS[:2]))
    def respond_slowly(self, limit: HighLatency, subject: str) -> None:
        """Note a slow response: a block is due if there were enough within the window; then counting restarts."""
        events = self.events.setdefault((limit, subject), [])
        events.append(self.now)
        enough = sum(event > self.now - limit.window for event in events) >= limit.min_triggers

        assert self.slow.note(limit, subject, now=self.now) == enough
        if enough:
            events.clear()

    @invariant()
    def both_know_the_latest_end_of_all_they_received(self) -> None:
        """For each kind and subject, and nothing of what is over."""
        for held, model in ((self.mine, self.ends), (self.theirs, self.received)):
            ledgers = {BlockKind.RETRY_AFTER: held.retry_after, BlockKind.LATENCY: held.latency}
            for kind, ledger in ledgers.items():
                for subject in SUBJECTS:
                    end = model.get((kind, subject), self.now)
                    assert ledger.until(subject, self.now) == (end if end > self.now else None)

    @invariant()
    def a_target_is_blocked_under_all_its_subjects(self) -> None:
        """Until the last of them is over."""
        view = Availability(self.mine, (), self.now)
        for target in TARGETS:
            for kind, until in (
                (BlockKind.RETRY_AFTER, view.blocked_until(target)),
                (BlockKind.LATENCY, view.deprioritized_until(target)),
            ):
                subjects = (target.id, target.provider, target.endpoint)
                end = max(self.ends.get((kind, subject), self.now) for subject in subjects)
                assert until == (end if end > self.now else None)


TestKnowledge = Knowledge.TestCase
