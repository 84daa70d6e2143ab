"""The engine: which target gets the first attempt, and what follows a response.

Everything is synchronous and runs on one event loop, so that a decision is atomic: there are no locks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from extproc.policy import feedback
from extproc.policy.attempt_state import AttemptState, NextAttempt, Reason
from extproc.policy.candidates import CandidateIndex, RequestContext
from extproc.policy.decision import Decision, Deliver, Exhausted, Try
from extproc.policy.outcome import Kind
from extproc.policy.planner import Plan
from extproc.policy.repeats import Repeats, Request
from extproc.policy.rules import Measure, Strategy
from extproc.policy.target import Credential, Freedom

if TYPE_CHECKING:
    from extproc.policy.blocks import Blocks
    from extproc.policy.catalog import Catalog
    from extproc.policy.latency import SlowResponses
    from extproc.policy.outcome import Outcome
    from extproc.policy.rules import Policy
    from extproc.policy.target import Api, Target, TargetId
    from extproc.policy.units import Instant, Millis, Rng


_MOST_KEPT: Final = 1024
"""Primaries whose policy is kept at hand."""


class Engine:
    """Applies the policies of a catalog; owns what outlives requests: blocks, slow responses, round-robin positions."""

    def __init__(self, catalog: Catalog, blocks: Blocks, slow_responses: SlowResponses) -> None:
        self.catalog = catalog
        self._repeats = Repeats()
        # The catalog never changes; that of its wildcards has as many models as clients name.
        self._context = lru_cache(_MOST_KEPT)(self._new_context)
        self._policy_of_primary = lru_cache(_MOST_KEPT)(self._look_up_policy)
        self._shared = feedback.SharedState(blocks, slow_responses, Counter(), CandidateIndex(catalog))

    def first(
        self,
        primary: Target,
        api: Api,
        *,
        now: Instant,
        deadline: Instant,
        rng: Rng,
        body_sha256: bytes = b"",
        body_length: int = 0,
        freedom: Freedom = Freedom.ANYWHERE,
        resource: str = "",
    ) -> Try | Exhausted:
        """Return the first attempt of a request whose primary is *primary*.

        *deadline* is when the listener's timeout ends the request; *body_sha256*, *body_length* and *freedom* go into
        its attempt state. A request that has just been exhausted, known by its digest and its *resource* (method and
        path), is exhausted at once.
        """
        if api.kept and freedom is Freedom.ANYWHERE:
            freedom = Freedom.THERE
        attempt = NextAttempt(primary.id, now, Reason.PRIMARY)
        state = AttemptState(
            primary.id,
            now,
            deadline,
            attempt,
            body_sha256=body_sha256,
            body_length=body_length,
            freedom=freedom,
        )
        context = self._context_of(state, api)
        if context is not None:  # then the plan may choose another target or another key
            if _is_remembered(context.policy, primary, resource):
                repeated = self._repeats.recall(Request(primary.id, resource, body_sha256, body_length), now=now)
                if repeated is not None:
                    return repeated
            return Plan(self._shared, context, state, now, rng).begin()
        if freedom is not Freedom.ANYWHERE:
            return Try(state)
        return Try(state.with_next(replace(attempt, key=self._shared.take_key(primary, now))))

    def after(
        self,
        state: AttemptState,
        outcome: Outcome,
        api: Api,
        *,
        duration: Millis,
        now: Instant,
        rng: Rng,
        resource: str = "",
    ) -> Decision:
        """Return what follows the attempt `state.next`, which ended in *outcome* after *duration* milliseconds.

        A response is delivered, whatever it is, where there is no retry policy or it allows no retry of this one.
        An exhausted request is remembered for a moment, by *resource* as in `first`.
        """
        if outcome.kind is Kind.SUCCESS:
            self._repeats.note_served(state.next.target, now=now)
        context, target = self._context_of(state, api), self.catalog.get(state.next.target)
        if context is None or target is None:
            return Deliver(state)
        decision = self._followed(state, outcome, context, target, duration=duration, now=now, rng=rng)
        if isinstance(decision, Exhausted) and _is_remembered(context.policy, context.primary, resource):
            request = Request(state.primary, resource, state.body_sha256, state.body_length)
            self._repeats.note(request, decision, window=context.policy.repeat_window, now=now)
        return decision

    def _followed(
        self,
        state: AttemptState,
        outcome: Outcome,
        context: RequestContext,
        target: Target,
        *,
        duration: Millis,
        now: Instant,
        rng: Rng,
    ) -> Decision:
        """Return what follows by the rules.

        A client's mistake is reported to the client; but only the primary's response can show one. A fallback may
        refuse for reasons of its own (its key, a retired model, an unknown parameter): it is unfit and passed over.
        Nor is a refusal of the operator's key, balance or model the client's mistake: another target is called, if
        there is one.
        """
        recorder = feedback.OutcomeRecorder(context.policy, self._shared, now, rng)
        if outcome.kind is not Kind.CONNECTION_ERROR:
            state = recorder.record_duration(state, target, duration)
        if recorder.record_key_refusal(state, target, outcome):
            another_key = Plan(self._shared, context, state, now, rng).next_key(target, outcome, duration)
            if another_key is not None:
                return another_key
        if outcome.kind is Kind.FINAL and target.id != state.primary:
            unfit = state.with_failure(replace(outcome, kind=Kind.UNFIT), None, duration, now=now)
            return Plan(self._shared, context, unfit, now, rng).instead_of_unfit()
        operators = _is_operators(outcome, target) and _may_ask_elsewhere(state, context.policy)
        if not (outcome.retriable or operators):
            return Deliver(state)
        failure = replace(outcome, kind=Kind.HTTP) if operators else outcome
        failed = recorder.record_failure(state, target, failure, duration)
        following = Plan(self._shared, context, failed, now, rng).next_attempt(target)
        if operators and not isinstance(following, Try) and all(before.rule is None for before in state.failures):
            return Deliver(state)  # no other target was called, and it says better than we could what is wrong
        return following or Deliver(state)

    def record_retry_after(self, state: AttemptState, outcome: Outcome, api: Api, *, now: Instant, rng: Rng) -> None:
        """Record the wait that a response's headers ask for while its body is still to come: it may break off.

        Not for blocks of lifetime request: the attempt state carries those.
        """
        context, target = self._context_of(state, api), self.catalog.get(state.next.target)
        if context is not None and target is not None:
            feedback.OutcomeRecorder(context.policy, self._shared, now, rng).record_retry_after(state, target, outcome)

    def record_end(self, state: AttemptState, *, duration: Millis, now: Instant, rng: Rng) -> None:
        """Record that a delivered response has ended, *duration* milliseconds after its request was sent."""
        policy, target = self.policy_of(state), self.catalog.get(state.next.target)
        if policy is None or target is None or policy.high_latency is None:
            return
        if policy.high_latency.measure is Measure.TOTAL:
            feedback.OutcomeRecorder(policy, self._shared, now, rng).record_duration(state, target, duration)

    def has_alternative(self, state: AttemptState, api: Api, *, now: Instant, rng: Rng) -> bool:
        """Return whether another attempt could follow at once if `state.next` ran into a time limit."""
        context, target = self._context_of(state, api), self.catalog.get(state.next.target)
        if context is None or target is None:
            return False
        return Plan(self._shared, context, state, now, rng).has_alternative(target)

    def knows(self, state: AttemptState) -> bool:
        """Return whether everything *state* needs to go on is configured; it may come from before a restart."""
        return None not in {self.catalog.get(state.primary), self.catalog.get(state.next.target)}

    def policy_of(self, state: AttemptState) -> Policy | None:
        """Return the retry policy that governs the request of *state*; None: no retry at all."""
        return None if state.freedom is Freedom.ONCE else self._policy_of_primary(state.primary)

    def _context_of(self, state: AttemptState, api: Api) -> RequestContext | None:
        """Return the context of a request that has a policy; None for one that has none."""
        return None if state.freedom is Freedom.ONCE else self._context(state.primary, api)

    def _new_context(self, primary: TargetId, api: Api) -> RequestContext | None:
        target, policy = self.catalog.get(primary), self._policy_of_primary(primary)
        return None if target is None or policy is None else RequestContext(policy, target, api)

    def _look_up_policy(self, primary: TargetId) -> Policy | None:
        target = self.catalog.get(primary)
        return None if target is None else self.catalog.policy_of(target)


def _is_remembered(policy: Policy, primary: Target, resource: str) -> bool:
    """Return whether exhausted requests for *primary* are remembered.

    Not with the client's own credential: one client's responses say nothing about another's.
    """
    return bool(resource and policy.repeat_window) and primary.credential is not Credential.CLIENT


def _is_operators(outcome: Outcome, target: Target) -> bool:
    """Return whether *outcome* is a refusal of what the operator has configured."""
    return outcome.kind is Kind.FINAL and outcome.operators and target.credential is Credential.OWN


def _may_ask_elsewhere(state: AttemptState, policy: Policy) -> bool:
    """Return whether another target may serve the request: retrying with the same key is no use."""
    return state.freedom is Freedom.ANYWHERE and policy.default.strategy is not Strategy.SAME_MODEL
