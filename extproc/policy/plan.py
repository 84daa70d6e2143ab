"""What follows in one request at one instant: candidates, keys, rounds, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extproc.policy.attempts import Reason, Step, Story
from extproc.policy.availability import Availability
from extproc.policy.choice import Chooser, Chosen, Limits, Pause
from extproc.policy.decision import Exhausted, StopReason, Try
from extproc.policy.model import Instant, Strategy
from extproc.policy.selection import Candidates, Quest, candidates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.policy.catalog import Catalog
    from extproc.policy.lessons import Memory
    from extproc.policy.model import Api, Dice, Millis, Policy, Target
    from extproc.policy.outcome import Outcome

_REASONS = {
    Strategy.SAME_MODEL: Reason.SAME_MODEL,
    Strategy.SAME_PROVIDER: Reason.SAME_PROVIDER,
    Strategy.DIFFERENT_PROVIDER: Reason.DIFFERENT_PROVIDER,
}

_AT_ONCE = Pause()


@dataclass(frozen=True, slots=True)
class Plan:
    """One request at one instant: its policy, its story so far, and what is known beyond it."""

    catalog: Catalog
    memory: Memory
    policy: Policy
    primary: Target
    api: Api
    story: Story
    now: Instant
    dice: Dice

    def of(self, story: Story) -> Plan:
        """Return this plan, continued with *story*."""
        return replace(self, story=story)

    def begin(self, pause: Pause = _AT_ONCE, reason: Reason = Reason.PRIMARY) -> Try | Exhausted:
        """Return the first attempt of a round: the primary's, or whose the primary's block leads to."""
        primary, availability = self.primary, self._availability()
        pool = Candidates((primary,))
        released = availability.released(primary)
        if released is not None or availability.avoided(primary) is not None:
            reason = Reason.PRIMARY_BLOCKED
            slow = self.policy.high_latency
            strategy = slow.strategy if released is None and slow is not None else self.policy.default.strategy
            if strategy is not Strategy.SAME_MODEL:
                pool = candidates(self.catalog, self.policy, Quest(self.api, strategy, primary, primary))
                # Being blocked, the primary comes after every free candidate; but it is better than no answer.
                pool = Candidates((primary, *pool.named), pool.others)
        chosen = self._choose(pool, pause)
        return self._try(chosen, reason) if isinstance(chosen, Chosen) else self._stop(chosen, pool)

    def next_key(self, target: Target, outcome: Outcome, duration: Millis) -> Try | None:
        """Return the attempt with the next key of *target* that this request has not tried; None without one.

        It costs no rule anything, but counts as an attempt. It is no way round a block of the target itself.
        """
        used, availability = self.story.next.key, self._availability()
        refused = {used} | {failure.key for failure in self.story.failures if failure.target == target.id}
        in_turn = ((used + step) % target.keys for step in range(1, target.keys))
        free = (key for key in in_turn if key not in refused and availability.key_released(target, key) is None)
        key = next(free, None)
        if key is None or availability.released(target) is not None:
            return None
        if self._spent(self.story.attempts_made + 1) is not None:
            return None
        story = self.story.with_failure(outcome, None, duration, now=self.now)
        return Try(replace(story, next=Step(target.id, self.now, Reason.NEXT_KEY, key=key)))

    def allows_no_retry(self) -> bool:
        """Return whether the only attempt so far has failed and was never to be followed by another."""
        story, policy = self.story, self.policy
        never = policy.rule_for(story.failures[-1].outcome).max_attempts == 0 or policy.max_total_attempts == 1
        return never and story.attempts_made == 1

    def next_attempt(self, failed: Target) -> Try | Exhausted:
        """Return what follows the last failure of the story, which was *failed*'s."""
        story = self.story
        rule = self.policy.rule_for(story.failures[-1].outcome)
        if story.charged(rule.name) > rule.max_attempts:
            return self._stop(StopReason.RULE_SPENT)
        if (spent := self._spent(story.attempts_made)) is not None:
            return self._stop(spent)
        pool = candidates(self.catalog, self.policy, Quest(self.api, rule.strategy, failed, self.primary, story.tried))
        pause = Pause(rule.backoff, story.failures)
        chosen = self._choose(pool, pause)
        if isinstance(chosen, Chosen):
            return self._try(chosen, _REASONS[rule.strategy])
        # What same_model looks for is never used up: if its wait is too long, nobody is to stand in for it.
        rounds_remain = rule.strategy is not Strategy.SAME_MODEL and story.round < self.policy.rounds
        if rounds_remain and all(failure.outcome.transient for failure in story.this_round):
            again = self.of(replace(story, round=story.round + 1, round_start=story.attempts_made))
            return again.begin(replace(pause, at_least=self.policy.round_delay), Reason.NEXT_ROUND)
        return self._stop(chosen, pool)

    def has_alternative(self, target: Target) -> bool:
        """Return whether another attempt could follow at once if *target* ran into its time limit."""
        rule = self.policy.on_timeout or self.policy.default
        story = self.story
        if story.charged(rule.name) >= rule.max_attempts or self._spent(story.attempts_made + 1) is not None:
            return False
        quest = Quest(self.api, rule.strategy, target, self.primary, story.tried | {target.id})
        availability = self._availability()
        return any(availability.released(other) is None for other in candidates(self.catalog, self.policy, quest))

    def _choose(self, pool: Candidates, pause: Pause) -> Chosen | StopReason:
        turns, subject = self.memory.turns, self.primary.entry
        chooser = Chooser(self._availability(), self._limits(), self.policy.candidate_order, self.dice, turns[subject])
        chosen = chooser.choose(pool, pause)
        if isinstance(chosen, Chosen) and chosen.target in pool.others:
            turns[subject] += 1
        return chosen

    def _try(self, chosen: Chosen, reason: Reason) -> Try:
        target = chosen.target
        if chosen.blocked and reason is not Reason.SAME_MODEL:
            reason = Reason.LAST_RESORT
        key = self.memory.take_key(target, self._availability())
        step = Step(target.id, Instant(self.now + chosen.wait), reason, key, waited=chosen.wait)
        return Try(replace(self.story, next=step))

    def _stop(self, reason: StopReason, pool: Iterable[Target] = ()) -> Exhausted:
        availability = self._availability()
        tried = (self.catalog.get(failure.target) for failure in self.story.failures)
        concerned = (self.primary, *(target for target in tried if target is not None), *pool)
        releases = [until for target in concerned if (until := availability.released(target)) is not None]
        shortest = min(releases) - self.now if releases else None
        return Exhausted(reason, self.story.failures, shortest)

    def _spent(self, attempts: int) -> StopReason | None:
        """Return why no attempt may follow *attempts* attempts, however short the wait; None when one may."""
        if attempts >= self.policy.max_total_attempts:
            return StopReason.TOTAL_SPENT
        return self._limits().forbids(0)

    def _limits(self) -> Limits:
        first, most = self.story.first_failure, self.policy.max_duration
        budget_end = Instant(first + most) if first is not None and most is not None else None
        return Limits(self.now, self.policy.retry_after.max_wait, self.story.deadline, budget_end)

    def _availability(self) -> Availability:
        return Availability(self.memory.blocks, self.story.blocks, self.now)
