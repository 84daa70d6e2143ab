"""Each decision of a test with what was known then, judged naively: straight from the rules, at any cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from traffic import Traffic

from extproc.policy.attempts import Reason
from extproc.policy.blocks import BlockKind, Blocks
from extproc.policy.decision import Try
from extproc.policy.model import Api, Credential, Strategy
from extproc.policy.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from journeys import Call, Journey, Reply
    from worlds import Scene

    from extproc.policy.attempts import FailedAttempt, Story
    from extproc.policy.blocks import Block
    from extproc.policy.catalog import Catalog
    from extproc.policy.decision import Decision
    from extproc.policy.model import Instant, Millis, Policy, Rule, Target, TargetId


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision: about which request, when, after which calls and replies, and with which blocks known to all."""

    journey: Journey
    decision: Decision
    now: Instant
    calls: tuple[Call, ...]
    replies: tuple[Reply, ...]
    known: tuple[Block, ...]

    @property
    def catalog(self) -> Catalog:
        """The configured targets."""
        return self.journey.engine.catalog

    @property
    def policy(self) -> Policy | None:
        """The policy of the request."""
        return self.catalog.policy_of(self.primary)

    @property
    def primary(self) -> Target:
        """The target that the request names."""
        return self.catalog[self.journey.primary]


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision to make another attempt, of a request that has a policy."""

    moment: Moment
    story: Story
    policy: Policy

    @property
    def target(self) -> Target:
        """Who was chosen."""
        return self.moment.catalog[self.story.next.target]

    @property
    def next_key(self) -> bool:
        """Whether another key of the same target follows."""
        return self.story.next.reason is Reason.NEXT_KEY

    @property
    def begins_round(self) -> bool:
        """Whether a round begins, be it the first, or begins again because all it has met were unfit."""
        return not [failure for failure in self.story.this_round if failure.target not in self.unfit]

    @property
    def unfit(self) -> set[TargetId]:
        """The targets that have refused the request, though it did not name them."""
        return {failure.target for failure in self.story.failures if failure.outcome.kind is Kind.UNFIT}

    @property
    def last(self) -> FailedAttempt | None:
        """The failure that the choice is about: the last one, or who failed before those that were unfit."""
        failures = self.story.failures
        if failures and failures[-1].outcome.kind is Kind.UNFIT:
            failures = tuple(failure for failure in failures if failure.target not in self.unfit)
        return failures[-1] if failures else None

    @property
    def rule(self) -> Rule | None:
        """The rule of that failure."""
        return None if self.last is None else self.policy.rule_for(self.last.outcome)

    @property
    def longest_pause(self) -> Millis:
        """The longest wait that our own back-off and rounds can come to here."""
        backoff = None if self.rule is None else self.rule.backoff
        delay = self.policy.round_delay if self.begins_round and self.story.failures else 0
        return max(delay, 0 if backoff is None else backoff.ceiling)

    def allows(self, wait: Millis) -> bool:
        """Return whether no limit forbids a wait of that length."""
        end, first, most = self.moment.now + wait, self.story.first_failure, self.policy.max_duration
        in_budget = first is None or most is None or end <= first + most
        return in_budget and end < self.story.deadline and wait <= self.policy.retry_after.max_wait

    def remaining(self, target: Target, *kinds: BlockKind) -> Millis:
        """Return how long it is until the last block of those kinds on *target* is over."""
        subjects = {target.id, target.provider, target.endpoint}
        blocks = (*self.moment.known, *self.story.blocks)
        return max((b.until - self.moment.now for b in blocks if b.kind in kinds and b.subject in subjects), default=0)

    def must_wait(self, target: Target) -> Millis:
        """Return how long *target* has asked to be left alone, or else its keys have."""
        keys = {b.subject: b.until - self.moment.now for b in self.moment.known if b.kind is BlockKind.KEY}
        first_key = min((keys.get(f"{target.entry}#{key}", 0) for key in range(target.keys)), default=0)
        asked = self.remaining(target, BlockKind.RETRY_AFTER)
        return max(0, asked, first_key if target.keys > 1 else 0)

    def slow(self, target: Target) -> bool:
        """Return whether *target* is avoided for its slowness."""
        return self.remaining(target, BlockKind.LATENCY) > 0

    def candidates(self) -> list[Target]:
        """Return everyone who may get this attempt, blocked or not."""
        primary, catalog = self.moment.primary, self.moment.catalog
        if self.begins_round:
            if self.must_wait(primary):
                strategy = self.policy.default.strategy
            elif self.slow(primary):
                slow = self.policy.high_latency
                strategy = self.policy.default.strategy if slow is None else slow.strategy
            else:
                return [primary]
            found = [primary, *fitting(catalog, strategy, primary, primary, self.moment.journey.api)]
            return [target for target in found if target.id not in self.unfit]
        assert self.rule is not None
        assert self.last is not None
        failed = catalog[self.last.target]
        if self.rule.strategy is Strategy.SAME_MODEL:
            return [failed]
        tried = {failure.target for failure in self.story.failures[self.story.round_start :]} | self.unfit
        found = fitting(catalog, self.rule.strategy, failed, primary, self.moment.journey.api)
        return [target for target in found if target.id not in tried]


def fitting(catalog: Catalog, strategy: Strategy, origin: Target, primary: Target, api: Api) -> list[Target]:
    """Return the configured targets that *strategy* leads to from *origin* and that can serve the request."""
    return [
        target
        for target in catalog.targets.values()
        if (target.provider == origin.provider) == (strategy is not Strategy.DIFFERENT_PROVIDER)
        and (target.id == origin.id) == (strategy is Strategy.SAME_MODEL)
        and (target.provider == primary.provider if api is Api.OTHER else api in target.speaks)
        and target.credential is not Credential.MISSING
        and (target.credential is not Credential.CLIENT or target.provider == primary.provider)
    ]


class Witness:
    """Takes note of every decision. Mutable: `moments` grows."""

    def __init__(self, blocks: Blocks) -> None:
        self.moments: list[Moment] = []
        self._blocks = blocks

    def __call__(self, journey: Journey) -> None:
        """Take note of what has just been decided about *journey*."""
        known = self._blocks.snapshot(now=journey.decided)
        calls, replies = tuple(journey.calls), tuple(journey.replies)
        self.moments.append(Moment(journey, journey.decision, journey.decided, calls, replies, known))


def moments(scene: Scene) -> list[Moment]:
    """Return every decision about the requests of *scene*."""
    blocks = Blocks()
    witness = Witness(blocks)
    Traffic(scene.engine(blocks), scene.world(), scene.dice(), witness).run(scene.arrivals)
    return witness.moments


def choices(decided: Iterable[Moment]) -> Iterator[Choice]:
    """Return every decision to make an attempt, of requests that have a policy."""
    for moment in decided:
        policy = moment.policy
        if isinstance(moment.decision, Try) and policy is not None:
            yield Choice(moment, moment.decision.story, policy)
