"""The one object callers hold: who gets the first attempt, and what follows an answer.

Everything is synchronous and runs on one event loop, so that a decision is atomic: there are no locks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from extproc.policy import lessons
from extproc.policy.attempts import Reason, Step, Story
from extproc.policy.availability import Availability
from extproc.policy.decision import Decision, Deliver, Exhausted, Try
from extproc.policy.model import Measure
from extproc.policy.outcome import Kind
from extproc.policy.plan import Plan

if TYPE_CHECKING:
    from extproc.policy.blocks import Blocks
    from extproc.policy.catalog import Catalog
    from extproc.policy.latency import SlowAnswers
    from extproc.policy.model import Api, Dice, Instant, Millis, Policy, Target
    from extproc.policy.outcome import Outcome


class Engine:
    """Applies the policies of a catalog; owns what outlives requests: blocks, slow answers, and whose turn it is."""

    def __init__(self, catalog: Catalog, blocks: Blocks, slow_answers: SlowAnswers) -> None:
        self.catalog = catalog
        self._memory = lessons.Memory(blocks, slow_answers, Counter())

    def first(
        self, primary: Target, api: Api, *, now: Instant, deadline: Instant, dice: Dice, body_sha256: bytes = b""
    ) -> Try | Exhausted:
        """Return whom to call first for a request whose primary is *primary*.

        *deadline* is when the listener's timeout ends the request; *body_sha256* is what its story will carry.
        """
        step = Step(primary.id, now, Reason.PRIMARY)
        story = Story(primary.id, began=now, deadline=deadline, next=step, body_sha256=body_sha256)
        plan = self._plan(story, api, now=now, dice=dice)
        if plan is not None:
            return plan.begin()
        key = self._memory.take_key(primary, Availability(self._memory.blocks, (), now))
        return Try(replace(story, next=replace(story.next, key=key)))

    def after(
        self, story: Story, outcome: Outcome, api: Api, *, duration: Millis, now: Instant, dice: Dice
    ) -> Decision:
        """Return what follows the attempt `story.next`, which ended in *outcome* after *duration* milliseconds.

        An answer is delivered, whatever it is, where there is no retry policy or it allowed no retry for this one.
        """
        plan, target = self._plan(story, api, now=now, dice=dice), self.catalog.get(story.next.target)
        if plan is None or target is None:
            return Deliver(story)
        learn = lessons.Lessons(plan.policy, self._memory, now, dice)
        if outcome.kind is not Kind.CONNECTION_ERROR:
            story = learn.timed(story, target, duration)
        if learn.key_refused(story, target, outcome):
            another_key = plan.of(story).next_key(target, outcome, duration)
            if another_key is not None:
                return another_key
        if not outcome.retriable:
            return Deliver(story)
        failed = learn.failed(story, target, outcome, duration)
        if plan.of(failed).allows_no_retry():
            return Deliver(story)
        return plan.of(failed).next_attempt(target)

    def ended(self, story: Story, *, duration: Millis, now: Instant, dice: Dice) -> None:
        """Take note that a delivered answer has ended, *duration* milliseconds after its request was sent."""
        policy, target = self.policy_of(story), self.catalog.get(story.next.target)
        if policy is None or target is None or policy.high_latency is None:
            return
        if policy.high_latency.measure is Measure.TOTAL:
            lessons.Lessons(policy, self._memory, now, dice).timed(story, target, duration)

    def has_alternative(self, story: Story, api: Api, *, now: Instant, dice: Dice) -> bool:
        """Return whether another attempt could follow at once if `story.next` ran into a time limit."""
        plan, target = self._plan(story, api, now=now, dice=dice), self.catalog.get(story.next.target)
        return plan is not None and target is not None and plan.has_alternative(target)

    def knows(self, story: Story) -> bool:
        """Return whether everything *story* needs to go on is configured; it may come from before a restart."""
        return None not in {self.catalog.get(story.primary), self.catalog.get(story.next.target)}

    def policy_of(self, story: Story) -> Policy | None:
        """Return the retry policy that governs the request of *story*; None: no retry at all."""
        primary = self.catalog.get(story.primary)
        return None if primary is None else self.catalog.policy_of(primary)

    def _plan(self, story: Story, api: Api, *, now: Instant, dice: Dice) -> Plan | None:
        """Return the plan of a request that has a policy; None for one that has none."""
        primary = self.catalog.get(story.primary)
        policy = None if primary is None else self.catalog.policy_of(primary)
        if primary is None or policy is None:
            return None
        return Plan(self.catalog, self._memory, policy, primary, api, story, now, dice)
