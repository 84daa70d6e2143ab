"""What follows in one request at one instant: candidates, keys, rounds, and when to stop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from extproc.policy.attempt_state import AttemptState, NextAttempt, Reason
from extproc.policy.availability import Availability
from extproc.policy.candidates import Candidates
from extproc.policy.choice import Chosen, Delay, Limits, choose, in_order
from extproc.policy.decision import Exhausted, StopReason, Try
from extproc.policy.outcome import Kind
from extproc.policy.rules import CandidateOrder, Strategy
from extproc.policy.target import Freedom
from extproc.policy.units import Instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.policy.attempt_state import FailedAttempt
    from extproc.policy.candidates import RequestContext
    from extproc.policy.feedback import SharedState
    from extproc.policy.outcome import Outcome
    from extproc.policy.rules import Rule
    from extproc.policy.target import Target
    from extproc.policy.units import Millis, Rng

_REASONS = {
    Strategy.SAME_MODEL: Reason.SAME_MODEL,
    Strategy.SAME_PROVIDER: Reason.SAME_PROVIDER,
    Strategy.DIFFERENT_PROVIDER: Reason.DIFFERENT_PROVIDER,
}

_NO_DELAY = Delay()

_DEFAULT_RETRY_AFTER = 1000
"""Milliseconds after which a client may repeat a request, where no provider named a time and none is remembered."""


class Plan:
    """One request at one instant: its context, its attempt state, and what outlives it. Never changed in place."""

    def __init__(
        self, shared: SharedState, context: RequestContext, state: AttemptState, now: Instant, rng: Rng
    ) -> None:
        self.shared = shared
        self.context = context
        self.policy = policy = context.policy
        self.state = state
        self.now = now
        self.rng = rng
        first, most = state.first_failure, policy.max_duration
        budget_end = None if first is None or most is None else Instant(first + most)
        self._limits = Limits(now, policy.retry_after.max_wait, state.deadline, budget_end)
        self._bound = state.freedom is Freedom.THERE
        self._availability = Availability(shared.blocks, state.blocks, now, first_key_only=self._bound)

    def begin(self, delay: Delay = _NO_DELAY, reason: Reason = Reason.PRIMARY) -> Try | Exhausted:
        """Return the first attempt of a round: the primary's, or whose the primary's block leads to."""
        primary, availability = self.context.primary, self._availability
        pool = Candidates((primary,))
        blocked_until = availability.blocked_until(primary)
        if not self._bound and (blocked_until is not None or availability.deprioritized_until(primary) is not None):
            reason = Reason.PRIMARY_BLOCKED
            is_slow = blocked_until is None and availability.keys_blocked_until(primary) is None
            strategy = self.policy.when_deprioritized if is_slow else self.policy.default.strategy
            if strategy is not Strategy.SAME_MODEL:
                pool = self.shared.candidate_index.candidates(self.context, strategy, primary)
                # Being blocked, the primary comes after every free candidate; but it is better than none.
                pool = Candidates((primary, *pool.named), pool.others).without(self.state.unfit)
        chosen = self._choose(pool, delay)
        return self._try(chosen, reason) if isinstance(chosen, Chosen) else self._stop(chosen, pool)

    def next_key(self, target: Target, outcome: Outcome, duration: Millis) -> Try | None:
        """Return the attempt with the next key of *target* that this request has not tried; None without one.

        It costs no rule anything, but counts as an attempt. It is no way round a block of the target itself.
        """
        used, availability = self.state.next.key, self._availability
        refused = {used} | {failure.key for failure in self.state.failures if failure.target == target.id}
        in_turn = ((used + offset) % target.keys for offset in range(1, target.keys))
        free = (key for key in in_turn if key not in refused and availability.key_blocked_until(target, key) is None)
        key = next(free, None)
        if self._bound or key is None or availability.blocked_until(target) is not None:
            return None
        if self._spent(self.state.attempts_made + 1) is not None:
            return None
        state = self.state.with_failure(outcome, None, duration, now=self.now)
        return Try(state.with_next(NextAttempt(target.id, self.now, Reason.NEXT_KEY, key)))

    def next_attempt(self, failed: Target) -> Try | Exhausted | None:
        """Return what follows the last failure of the attempt state, which was *failed*'s.

        None if it was the only attempt, and was never to be followed by another.
        """
        state = self.state
        rule = self.policy.rule_for(state.failures[-1].outcome)
        if state.attempts_made == 1 and (rule.max_attempts == 0 or self.policy.max_total_attempts == 1):
            return None
        if state.charged(rule.name) > rule.max_attempts:
            return self._stop(StopReason.RULE_SPENT)
        if (spent := self._spent(state.attempts_made)) is not None:
            return self._stop(spent)
        backoff = Delay(rule.backoff, self._fit(state.failures))
        return self._follow(rule, failed, backoff, next_round=backoff)

    def instead_of_unfit(self) -> Try | Exhausted:
        """Return what follows an attempt at a target that was unfit: what would have, were it no candidate.

        It is charged to no rule, but counts as an attempt. Whatever there was to wait for came before it.
        """
        state = self.state
        if (spent := self._spent(state.attempts_made)) is not None:
            return self._stop(spent)
        failures = [failure for failure in state.this_round if failure.target not in state.unfit]
        failed = self.shared.candidate_index.catalog.get(failures[-1].target) if failures else None
        if failed is None:
            return self.begin()
        rule = self.policy.rule_for(failures[-1].outcome)
        return self._follow(rule, failed, _NO_DELAY, next_round=Delay(rule.backoff, self._fit(state.failures)))

    def has_alternative(self, target: Target) -> bool:
        """Return whether another attempt could follow at once if *target* ran into its time limit."""
        rule = self.policy.on_timeout or self.policy.default
        state = self.state
        if self._bound:
            return False
        if state.charged(rule.name) >= rule.max_attempts or self._spent(state.attempts_made + 1) is not None:
            return False
        pool = self._candidates(rule.strategy, target)
        return any(self._availability.blocked_until(other) is None for other in pool)

    def _follow(self, rule: Rule, failed: Target, delay: Delay, *, next_round: Delay) -> Try | Exhausted:
        """Return what *rule* leads to from *failed*: another attempt in this round, another round, or the end."""
        if self._bound:
            return self._again(rule, delay)
        pool = self._candidates(rule.strategy, failed)
        chosen = self._choose(pool, delay)
        if isinstance(chosen, Chosen):
            return self._try(chosen, _REASONS[rule.strategy])
        # What same_model looks for is never used up: if its wait is too long, no other target replaces it.
        rounds_remain = rule.strategy is not Strategy.SAME_MODEL and self.state.round < self.policy.rounds
        if rounds_remain and all(failure.outcome.transient for failure in self._fit(self.state.this_round)):
            delay = replace(next_round, at_least=self.policy.round_delay)
            return self._next_round().begin(delay, Reason.NEXT_ROUND)
        return self._stop(chosen, pool)

    def _again(self, rule: Rule, delay: Delay) -> Try | Exhausted:
        """Return another attempt at the primary, which alone can serve the request, or the end.

        A rule that would have gone elsewhere says nothing of how long to wait here: as long as before a new round.
        """
        if rule.strategy is not Strategy.SAME_MODEL:
            delay = replace(delay, at_least=self.policy.round_delay)
        pool = Candidates((self.context.primary,))
        chosen = self._choose(pool, delay)
        return self._try(chosen, Reason.SAME_MODEL) if isinstance(chosen, Chosen) else self._stop(chosen, pool)

    def _fit(self, failures: tuple[FailedAttempt, ...]) -> tuple[FailedAttempt, ...]:
        """Return *failures* without those of targets that were unfit: they are as if they were not configured."""
        return tuple([failure for failure in failures if failure.outcome.kind is not Kind.UNFIT])

    def _candidates(self, strategy: Strategy, failed: Target) -> Candidates:
        """Return the candidates after *failed* in this round, blocked or not."""
        pool = self.shared.candidate_index.candidates(self.context, strategy, failed)
        # No strategy but same_model leads to the failed target itself, and there it is meant.
        tried = (self.state.tried - {failed.id}) | self.state.unfit
        return pool.without(tried) if tried else pool

    def _next_round(self) -> Plan:
        state = replace(self.state, round=self.state.round + 1, round_start=self.state.attempts_made)
        return Plan(self.shared, self.context, state, self.now, self.rng)

    def _choose(self, pool: Candidates, delay: Delay) -> Chosen | StopReason:
        rotation, subject, order = self.shared.rotation, self.context.primary.entry, self.policy.candidate_order
        targets = in_order(pool, order, position=rotation[subject], rng=self.rng)
        chosen = choose(targets, delay, availability=self._availability, limits=self._limits, rng=self.rng)
        if order is CandidateOrder.ROUND_ROBIN and isinstance(chosen, Chosen) and chosen.target in pool.others:
            rotation[subject] += 1
        return chosen

    def _try(self, chosen: Chosen, reason: Reason) -> Try:
        target = chosen.target
        if chosen.blocked and reason is not Reason.SAME_MODEL:
            reason = Reason.LAST_RESORT
        key = 0 if self._bound else self.shared.take_key(target, self.now)
        attempt = NextAttempt(target.id, Instant(self.now + chosen.wait), reason, key, waited=chosen.wait)
        return Try(self.state.with_next(attempt))

    def _stop(self, reason: StopReason, pool: Iterable[Target] = ()) -> Exhausted:
        availability = self._availability
        tried = (self.shared.candidate_index.catalog.get(failure.target) for failure in self.state.failures)
        concerned = (self.context.primary, *(target for target in tried if target is not None), *pool)
        block_ends = [until for target in concerned if (until := availability.blocked_until(target)) is not None]
        shortest = min(block_ends) - self.now if block_ends else None
        return Exhausted(
            reason,
            self.state.failures,
            shortest,
            primary=self.state.primary,
            default_retry_after=self.policy.repeat_window or _DEFAULT_RETRY_AFTER,
        )

    def _spent(self, attempts: int) -> StopReason | None:
        """Return why no attempt may follow *attempts* attempts, however short the wait; None when one may."""
        if attempts >= self.policy.max_total_attempts:
            return StopReason.TOTAL_SPENT
        return self._limits.forbids(0)
