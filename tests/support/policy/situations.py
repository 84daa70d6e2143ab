"""What the rules allow at the moment of a decision, evaluated naively: straight from the rules, at any cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extproc.policy.attempt_state import AttemptState, NextAttempt, Reason
from extproc.policy.backoff import Reach
from extproc.policy.blocks import Block, BlockKind
from extproc.policy.candidates import RequestContext
from extproc.policy.decision import Exhausted, Try
from extproc.policy.feedback import KEY_REFUSED
from extproc.policy.outcome import Kind
from extproc.policy.rules import Lifetime, Scope, Strategy
from extproc.policy.target import Api, Credential, Freedom
from extproc.policy.units import Instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extproc.policy.attempt_state import FailedAttempt
    from extproc.policy.catalog import Catalog
    from extproc.policy.rules import Policy, Rule
    from extproc.policy.target import Target, TargetId
    from extproc.policy.units import Millis
    from support.policy.moments import Moment


@dataclass(frozen=True, slots=True)
class Situation:
    """What the policy of a request allows at one moment, after the failures of *state*."""

    moment: Moment
    state: AttemptState
    policy: Policy

    @property
    def context(self) -> RequestContext:
        """What stays the same through the whole request."""
        return RequestContext(self.policy, self.moment.primary, self.moment.journey.api)

    @property
    def bound(self) -> bool:
        """Whether only the target that the request names has what it needs, for the owner of its first key."""
        return self.state.freedom is Freedom.THERE

    @property
    def begins_round(self) -> bool:
        """Whether a round begins, be it the first, or begins again because all it has met were unfit."""
        return not [failure for failure in self.state.this_round if failure.target not in self.unfit]

    @property
    def unfit(self) -> set[TargetId]:
        """The targets that have refused the request, though it did not name them."""
        return {failure.target for failure in self.state.failures if failure.outcome.kind is Kind.UNFIT}

    @property
    def last(self) -> FailedAttempt | None:
        """The failure that the choice is about: the last one, or who failed before those that were unfit."""
        failures = self.state.failures
        if failures and failures[-1].outcome.kind is Kind.UNFIT:
            failures = tuple(failure for failure in failures if failure.target not in self.unfit)
        return failures[-1] if failures else None

    @property
    def follows_unfit(self) -> bool:
        """Whether this very attempt's target was unfit: whatever there was to wait for came before it."""
        failed = self.state.this_round
        return bool(failed) and failed[-1].outcome.kind is Kind.UNFIT

    @property
    def rule(self) -> Rule | None:
        """The rule of that failure."""
        return None if self.last is None else self.policy.rule_for(self.last.outcome)

    @property
    def longest_delay(self) -> Millis:
        """The longest wait that our own back-off and rounds can come to here."""
        backoff = None if self.rule is None else self.rule.backoff
        delay = self.policy.round_delay if self.begins_round and self.state.failures else self.delay_there
        return max(delay, 0 if backoff is None else backoff.ceiling)

    @property
    def delay_there(self) -> Millis:
        """What a rule that would lead elsewhere waits at the least before a request that cannot go there."""
        elsewhere = self.bound and self.rule is not None and self.rule.strategy is not Strategy.SAME_MODEL
        return self.policy.round_delay if elsewhere else 0

    def longest_wait(self, target: Target) -> Millis:
        """Return the longest wait before *target* that blocks, rounds and our own back-off can come to here."""
        backoff, last = None if self.rule is None else self.rule.backoff, self.last
        delay = self.policy.round_delay if self.begins_round and last is not None else self.delay_there
        if self.follows_unfit:
            delay = 0
        elif backoff is not None and last is not None:
            failed = self.moment.catalog[last.target]
            reached = {
                Reach.SAME_MODEL: target.id == failed.id,
                Reach.SAME_PROVIDER: target.provider == failed.provider,
                Reach.GLOBAL: True,
            }
            delay = max(delay, backoff.ceiling if reached[backoff.reach] else 0)
        return max(self.must_wait(target), delay)

    def allows(self, wait: Millis) -> bool:
        """Return whether no limit forbids a wait of that length."""
        end, first, most = self.moment.now + wait, self.state.first_failure, self.policy.max_duration
        in_budget = first is None or most is None or end <= first + most
        return in_budget and end < self.state.deadline and wait <= self.policy.retry_after.max_wait

    def remaining(self, target: Target, *kinds: BlockKind) -> Millis:
        """Return how long it is until the last block of those kinds on *target* is over."""
        subjects = {target.id, target.provider, target.endpoint}
        blocks = (*self.moment.known, *self.state.blocks)
        return max((b.until - self.moment.now for b in blocks if b.kind in kinds and b.subject in subjects), default=0)

    def must_wait(self, target: Target) -> Millis:
        """Return how long *target* has asked to be left alone, or else its keys have.

        For how long a key is not used that was refused without a Retry-After is our guess: no request waits for that.
        """
        asked, keys = self.remaining(target, BlockKind.RETRY_AFTER), 0
        if self.lacks_key(target):
            keys = min((end for end in self.keys(target, BlockKind.KEY) if end > 0), default=0)
        return max(0, asked, keys)

    def lacks_key(self, target: Target) -> bool:
        """Return whether all keys of *target* are on cooldown that will do; the only one is always used."""
        return target.keys > 1 and min(self.keys(target, BlockKind.KEY, BlockKind.REFUSED_KEY)) > 0

    def keys(self, target: Target, *kinds: BlockKind) -> list[Millis]:
        """Return for each key of *target* that will do how long it still is on cooldown, for one of those reasons."""
        usable = range(min(1, target.keys) if self.bound else target.keys)
        now, known = self.moment.now, [block for block in self.moment.known if block.kind in kinds]
        return [
            max((block.until - now for block in known if block.subject == f"{target.entry}#{key}"), default=0)
            for key in usable
        ]

    def slow(self, target: Target) -> bool:
        """Return whether *target* is deprioritized, after slow responses or a timeout or because it lacks a key."""
        return self.remaining(target, BlockKind.LATENCY) > 0 or self.lacks_key(target)

    def candidates(self) -> list[Target]:
        """Return everyone who may get this attempt, blocked or not."""
        primary, catalog = self.moment.primary, self.moment.catalog
        if self.bound:
            return [primary]
        if self.begins_round:
            if self.must_wait(primary) or self.lacks_key(primary):
                strategy = self.policy.default.strategy
            elif self.slow(primary):
                slow, silent, default = self.policy.high_latency, self.policy.on_timeout, self.policy.default
                strategy = slow.strategy if slow else silent.strategy if silent else default.strategy
            else:
                return [primary]
            found = [primary, *fitting(catalog, self.context, strategy, primary)]
            return [target for target in found if target.id not in self.unfit]
        assert self.rule is not None
        assert self.last is not None
        failed = catalog[self.last.target]
        if self.rule.strategy is Strategy.SAME_MODEL:
            return [failed]
        tried = {failure.target for failure in self.state.failures[self.state.round_start :]} | self.unfit
        found = fitting(catalog, self.context, self.rule.strategy, failed)
        return [target for target in found if target.id not in tried]

    def in_next_round(self) -> Situation | None:
        """Return the beginning of the next round; None when there is none to begin."""
        rule, state = self.rule, self.state
        if rule is None or self.bound or rule.strategy is Strategy.SAME_MODEL or state.round >= self.policy.rounds:
            return None
        fit = [failure.outcome for failure in state.this_round if failure.outcome.kind is not Kind.UNFIT]
        if not fit or not all(outcome.transient for outcome in fit):
            return None
        return Situation(
            self.moment, replace(state, round=state.round + 1, round_start=len(state.failures)), self.policy
        )


@dataclass(frozen=True, slots=True)
class Choice(Situation):
    """A decision to make another attempt, of a request that has a policy."""

    @property
    def target(self) -> Target:
        """Who was chosen."""
        return self.moment.catalog[self.state.next.target]

    @property
    def next_key(self) -> bool:
        """Whether another key of the same target follows."""
        return self.state.next.reason is Reason.NEXT_KEY


def situation_of(moment: Moment) -> Situation | None:
    """Return what a decision to make no further attempt had to go by; None for any other decision."""
    policy, decision = moment.policy, moment.decision
    if policy is None or not isinstance(decision, Exhausted):
        return None
    if moment.attempted is None:
        journey = moment.journey
        state = AttemptState(
            journey.primary,
            moment.now,
            journey.deadline,
            NextAttempt(journey.primary, moment.now, Reason.PRIMARY),
            freedom=journey.freedom,
        )
        return Situation(moment, state, policy)
    attempted, (*_, last) = moment.attempted, decision.failures
    blocks, asked = attempted.blocks, last.outcome.retry_after
    target, handling = moment.catalog[last.target], policy.retry_after
    of_key = target.keys > 1 and last.outcome.status in KEY_REFUSED
    unfit = last.outcome.kind is Kind.UNFIT
    if asked is not None and not of_key and not unfit and handling.apply_to is Lifetime.REQUEST:
        subject = {Scope.MODEL: target.id, Scope.PROVIDER: target.provider, Scope.ENDPOINT: target.endpoint}
        until = Instant(moment.now + min(asked, handling.cap))
        blocks = (*blocks, Block(BlockKind.RETRY_AFTER, subject[handling.scope] or target.id, until))
    first = moment.now if attempted.first_failure is None else attempted.first_failure
    state = replace(attempted, failures=decision.failures, first_failure=first, blocks=blocks)
    return Situation(moment, state, policy)


def fitting(catalog: Catalog, context: RequestContext, strategy: Strategy, origin: Target) -> list[Target]:
    """Return the configured targets that *strategy* leads to from *origin* and that can serve the request."""
    primary, api = context.primary, context.api
    return [
        target
        for target in catalog.targets.values()
        if (target.provider == origin.provider) == (strategy is not Strategy.DIFFERENT_PROVIDER)
        and (target.id == origin.id) == (strategy is Strategy.SAME_MODEL)
        and api in target.apis
        and (
            api is not Api.EMBEDDINGS or target.id in context.policy.fallback_models or strategy is Strategy.SAME_MODEL
        )
        and target.credential is not Credential.MISSING
        and (target.credential is not Credential.CLIENT or target.provider == primary.provider)
    ]


def choices(decided: Iterable[Moment]) -> Iterator[Choice]:
    """Return every decision to make an attempt, of requests that have a policy."""
    for moment in decided:
        policy = moment.policy
        if isinstance(moment.decision, Try) and policy is not None:
            yield Choice(moment, moment.decision.state, policy)
