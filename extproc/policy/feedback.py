"""Records the outcomes of attempts: failures of the request, blocks of its target, cooldowns of its key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extproc.policy.availability import Availability
from extproc.policy.blocks import Block, BlockKind, key_subject, later, subject_of
from extproc.policy.outcome import ACCOUNT_REFUSED, Kind, Refusal
from extproc.policy.rules import Lifetime
from extproc.policy.units import Instant

if TYPE_CHECKING:
    from collections import Counter

    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.blocks import Blocks
    from extproc.policy.candidates import CandidateIndex
    from extproc.policy.latency import SlowResponses
    from extproc.policy.outcome import Outcome
    from extproc.policy.rules import Policy
    from extproc.policy.target import Target
    from extproc.policy.units import Millis, Rng

KEY_REFUSED = ACCOUNT_REFUSED | {429}
"""Statuses about the key rather than about the target: another key may do."""

KEY_COOLDOWN: Millis = 60_000
"""Cooldown of a refused key when the provider named none."""

_SPREAD_FROM: Millis = 5_000
_SPREAD_MOST = 0.1


@dataclass(frozen=True, slots=True)
class SharedState:
    """What outlives requests: blocks, recent slow responses, round-robin positions, and the index of candidates."""

    blocks: Blocks
    slow_responses: SlowResponses
    rotation: Counter[str]
    candidate_index: CandidateIndex

    def take_key(self, target: Target, now: Instant) -> int:
        """Return the next key of *target* in rotation, among those whose cooldown ends first."""
        if target.keys <= 1:
            return 0
        subject = f"{target.entry}#"
        key = Availability(self.blocks, (), now).key(target, self.rotation[subject])
        self.rotation[subject] = key + 1
        return key


class OutcomeRecorder:
    """Records the outcomes of attempts, under one policy at one instant."""

    def __init__(self, policy: Policy, shared: SharedState, now: Instant, rng: Rng) -> None:
        self.policy = policy
        self.shared = shared
        self.now = now
        self.rng = rng

    def record_duration(self, state: AttemptState, target: Target, duration: Millis) -> AttemptState:
        """Record how long *target* took, if that is longer than on_high_latency allows.

        Each request counts once per target, whatever its rounds.
        """
        rule = self.policy.high_latency
        if rule is None or duration <= rule.threshold or target.id in state.slow:
            return state
        state = replace(state, slow=(*state.slow, target.id))
        subject = subject_of(target, rule.scope)
        if not self.shared.slow_responses.note(rule, subject, now=self.now):
            return state
        block = Block(BlockKind.LATENCY, subject, Instant(self.now + rule.block))
        return self._with_block(state, block, rule.apply_to)

    def record_failure(self, state: AttemptState, target: Target, outcome: Outcome, duration: Millis) -> AttemptState:
        """Add the failure of `state.next`, and the block that the provider asked for or that we guess."""
        slow = self.policy.high_latency
        if (
            slow is not None
            and duration > slow.threshold
            and outcome.kind is Kind.HTTP
            and outcome.status not in self.policy.on_status
        ):
            outcome = replace(outcome, kind=Kind.HIGH_LATENCY, limit=slow.threshold)
        state = state.with_failure(outcome, self.policy.rule_for(outcome).name, duration, now=self.now)
        if outcome.kind is Kind.TIMEOUT and self.policy.timeout_block:
            # The client may give up as soon as we do: its own retry should go to another target.
            silent = Block(BlockKind.LATENCY, target.id, Instant(self.now + self.policy.timeout_block))
            state = self._with_block(state, silent, Lifetime.GLOBAL)
        return self.record_retry_after(state, target, outcome)

    def record_retry_after(self, state: AttemptState, target: Target, outcome: Outcome) -> AttemptState:
        """Add the block that the provider asked for, if it did."""
        if outcome.retry_after is None or _is_about_key(target, outcome):
            return state
        handling = self.policy.retry_after
        until = Instant(self.now + min(outcome.retry_after, handling.cap))
        block = Block(BlockKind.RETRY_AFTER, subject_of(target, handling.scope), until)
        return self._with_block(state, block, handling.apply_to)

    def record_key_refusal(self, state: AttemptState, target: Target, outcome: Outcome) -> bool:
        """Put the key that was used on cooldown if the response is about the key; return whether it is.

        The wait is the one the provider asked for, or `KEY_COOLDOWN`.
        """
        if not _is_about_key(target, outcome):
            return False
        # The attempt state may come from a process that was configured with more keys: this is the one that was sent.
        subject, asked = key_subject(target, state.next.key % target.keys), outcome.retry_after
        if asked is None:
            block = Block(BlockKind.REFUSED_KEY, subject, Instant(self.now + KEY_COOLDOWN))
        else:
            block = Block(BlockKind.KEY, subject, Instant(self.now + min(asked, self.policy.retry_after.cap)))
        self.shared.blocks.add(block, now=self.now)
        return True

    def _with_block(self, state: AttemptState, block: Block, lifetime: Lifetime) -> AttemptState:
        """Record *block* where its lifetime says: with the request, or for all of them."""
        if lifetime is Lifetime.REQUEST:
            return replace(state, blocks=later(state.blocks, block))
        self.shared.blocks.add(replace(block, until=self._spread(block)), now=self.now)
        return state

    def _spread(self, block: Block) -> Instant:
        """Return an end for *block* that is later by up to a tenth if it is long, so that not everyone returns at once.

        What a provider has asked for and the policy allows to wait for stays allowed.
        """
        length = block.until - self.now
        if length <= _SPREAD_FROM:
            return block.until
        end = block.until + int(length * _SPREAD_MOST * self.rng())
        longest = self.now + self.policy.retry_after.max_wait
        bounded = block.kind is BlockKind.RETRY_AFTER and block.until <= longest
        return Instant(min(end, longest) if bounded else end)


def _is_about_key(target: Target, outcome: Outcome) -> bool:
    """Return whether *outcome* is about the key rather than about *target*, which has a choice of keys."""
    return target.keys > 1 and (outcome.status in KEY_REFUSED or outcome.refusal is Refusal.ACCOUNT)
