"""The laws of the policy: what holds for every request, whatever configuration, providers and random numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from extproc.policy.attempt_state import Reason
from extproc.policy.blocks import BlockKind
from extproc.policy.decision import Deliver, Exhausted, StopReason, Try
from extproc.policy.feedback import KEY_REFUSED
from extproc.policy.outcome import Kind
from extproc.policy.rules import Strategy
from extproc.policy.target import Credential, Freedom
from support.policy.situations import Choice, Situation, choices, fitting, situation_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.policy.rules import Policy
    from extproc.policy.units import Millis
    from support.policy.moments import Moment


def most_of(policy: Policy) -> dict[str, int]:
    """Return how often each rule of *policy* may be charged."""
    rules = [policy.default, policy.on_timeout, policy.on_connection_error, *policy.on_status.values()]
    most = {rule.name: rule.max_attempts for rule in rules if rule is not None}
    return most if policy.high_latency is None else {**most, "on_high_latency": policy.high_latency.max_attempts}


def no_rule_allows_more_than_it_says(choice: Choice) -> None:
    """Let no attempt follow a rule that is charged more often; counting is per rule and per request."""
    charged = Counter(failure.rule for failure in choice.state.failures if failure.rule is not None)
    most = most_of(choice.policy)
    assert all(times <= most[rule] for rule, times in charged.items())


def no_attempt_waits_for_another_targets_retry_after(choice: Choice) -> None:
    """Wait as long as the target itself has asked for, or our own delay says; never shorter than the first."""
    asked, delay = (0, 0) if choice.next_key else (choice.must_wait(choice.target), choice.longest_delay)
    assert asked <= choice.state.next.waited <= max(asked, delay)
    assert choice.state.next.not_before == choice.moment.now + choice.state.next.waited


def no_wait_crosses_a_limit(choice: Choice) -> None:
    """Neither the longest wait allowed nor the budget nor the deadline: one wait, or all of them."""
    first, most = choice.state.first_failure, choice.policy.max_duration
    assert choice.allows(choice.state.next.waited)
    if first is not None and most is not None:
        assert sum(call.waited for call in choice.moment.calls if call.at - call.waited >= first) <= most


def only_candidates_are_called(choice: Choice) -> None:
    """Each attempt goes where the rules lead, and in one round to no target twice."""
    if choice.next_key:
        assert choice.target.id == choice.state.failures[-1].target
    else:
        assert choice.target in choice.candidates()


def no_blocked_target_is_called_while_another_is_free(choice: Choice) -> None:
    """Free ones come before those we avoid, and they before those to wait for; unless a limit forbids the delay."""
    asked, slow = choice.must_wait(choice.target), choice.slow(choice.target)
    if choice.next_key:
        assert asked == 0
    elif choice.allows(choice.longest_delay):
        others = [target for target in choice.candidates() if not choice.must_wait(target)]
        free = [target for target in others if not choice.slow(target)]
        assert not (free and (asked or slow))
        assert not (others and asked)


def a_key_on_cooldown_is_used_only_if_all_are(choice: Choice) -> None:
    """And then the one whose cooldown ends first."""
    ends = choice.keys(choice.target, BlockKind.KEY, BlockKind.REFUSED_KEY)
    assert choice.bound or choice.target.keys <= 1 or ends[choice.state.next.key] == min(ends)


def no_key_is_refused_twice_in_a_row(choice: Choice) -> None:
    """Follow a refusal with a key that this request has not tried at that target."""
    failures = choice.state.failures
    tried = {failure.key for failure in failures if failure.target == choice.target.id}
    assert not choice.next_key or choice.state.next.key not in tried


def never_more_rounds_than_the_policy_says(choice: Choice) -> None:
    """Begin with the first round; end with the last that the policy allows."""
    assert 1 <= choice.state.round <= choice.policy.rounds


def never_more_calls_than_the_limits_allow(moment: Moment) -> None:
    """One without a policy."""
    assert len(moment.calls) <= (1 if moment.policy is None else moment.policy.max_total_attempts)


def what_is_reported_is_what_was_done(moment: Moment) -> None:
    """One failure for each call, in order, and none that was only planned."""
    decision = moment.decision
    if isinstance(decision, Exhausted):
        failures, called = decision.attempts, moment.calls
    else:
        failures, called = decision.state.failures, moment.calls[:-1]
    assert [(failure.target, failure.key, failure.waited) for failure in failures] == [
        (call.target, call.key, call.waited) for call in called
    ]


def no_unfit_target_is_called_again(choice: Choice) -> None:
    """In no round; and the target that a request names is never called unfit for it."""
    assert choice.target.id not in choice.unfit
    assert choice.moment.primary.id not in choice.unfit


def a_target_that_timed_out_is_deprioritized(moment: Moment) -> None:
    """By every request from then on, as long as the policy says."""
    policy, last = moment.policy, moment.replies[-1] if moment.replies else None
    if policy is not None and policy.timeout_block and last is not None and last.outcome.kind is Kind.TIMEOUT:
        silent, until = moment.calls[len(moment.replies) - 1].target, moment.now + policy.timeout_block
        blocks = [block for block in moment.known if (block.kind, block.subject) == (BlockKind.LATENCY, silent)]
        assert max(block.until for block in blocks) >= until


def success_is_delivered_and_failure_is_not(moment: Moment) -> None:
    """But for a failure that allowed no retry: without a policy, or as an only attempt of a policy without any.

    A refusal is the client's to know if it comes from the target that its request names; no other one's ever is. If it
    is the operator's to fix, others are called, and then their failures are reported as well.
    """
    if not moment.replies:
        return
    outcome, delivered, policy = moment.replies[-1].outcome, isinstance(moment.decision, Deliver), moment.policy
    if policy is None or outcome.kind is Kind.SUCCESS:
        assert delivered
    elif outcome.retriable:
        allowed = 0 in most_of(policy).values() or policy.max_total_attempts == 1
        assert not delivered or (allowed and len(moment.calls) == 1)
    elif outcome.kind is Kind.REJECTED:
        assert delivered
    elif moment.calls[len(moment.replies) - 1].target == moment.primary.id:
        others_asked = moment.attempted is not None and any(one.rule for one in moment.attempted.failures)
        reported_with_theirs = others_asked and outcome.operators and moment.primary.credential is Credential.OWN
        assert delivered or isinstance(moment.decision, Try) or reported_with_theirs
    else:
        assert not delivered


def why_nothing_more_was_tried_is_true(moment: Moment) -> None:
    """Either a limit was reached or no target was left; else the next attempt would have been made."""
    situation = situation_of(moment)
    if situation is None:
        assert not isinstance(moment.decision, Exhausted), "without a policy nothing is ever exhausted"
        return
    assert isinstance(moment.decision, Exhausted)
    if moment.decision.reason is StopReason.REPEATED:
        return  # the moments before show that: see below
    if (spent := _spent(situation)) is not None:
        assert moment.decision.reason is spent
        return
    # A target that may be called after the longest wait that jitter can make may be called after any.
    waits = {target.id: situation.longest_wait(target) for target in situation.candidates()}
    assert [target for target, wait in waits.items() if situation.allows(wait)] == []
    if (next_round := situation.in_next_round()) is not None:
        waits = {target.id: next_round.longest_wait(target) for target in next_round.candidates()}
        assert [target for target, wait in waits.items() if situation.allows(wait)] == []
    forbidding = {reason for wait in waits.values() for reason in _forbidding(situation, wait)}
    assert moment.decision.reason in (forbidding or {StopReason.NO_CANDIDATE})


def a_key_that_is_not_on_cooldown_is_tried_before_anything_else(moment: Moment) -> None:
    """Where a response is about its key, the target's next one follows, unless a limit or a block forbids it."""
    policy, attempted = moment.policy, moment.attempted
    if policy is None or attempted is None or moment.replies[-1].outcome.status not in KEY_REFUSED:
        return
    target = moment.catalog[attempted.next.target]
    tried = {attempted.next.key, *(one.key for one in attempted.failures if one.target == target.id)}
    now = Situation(moment, attempted, policy)
    ends = now.keys(target, BlockKind.KEY, BlockKind.REFUSED_KEY)
    free = [key for key, end in enumerate(ends) if key not in tried and end <= 0]
    if (
        free
        and not now.bound
        and len(attempted.failures) + 1 < policy.max_total_attempts
        and now.allows(0)
        and not now.must_wait(target)
    ):
        assert isinstance(moment.decision, Try)
        assert (moment.decision.state.next.reason, moment.decision.state.next.target) == (Reason.NEXT_KEY, target.id)


def a_retry_after_is_reported(moment: Moment) -> None:
    """Say, in an exhausted request, when the first of those it is about may be called again."""
    situation = situation_of(moment)
    if situation is None:
        return
    assert isinstance(moment.decision, Exhausted)
    catalog, primary = moment.catalog, moment.primary
    about = [primary, *(catalog[failure.target] for failure in moment.decision.failures)]
    perhaps = [
        target
        for origin in about
        for strategy in Strategy
        for target in fitting(catalog, situation.context, strategy, origin)
    ]
    surely, at_most = (
        [wait for target in targets if (wait := situation.must_wait(target))] for targets in (about, [*about, *perhaps])
    )
    reported = moment.decision.shortest_block
    if reported is None:
        assert surely == []
    else:
        assert min(at_most) <= reported <= min(surely, default=reported)


def _spent(situation: Situation) -> StopReason | None:
    """Return which limit forbids any further attempt, however short the wait; None when none does."""
    state, policy, rule = situation.state, situation.policy, situation.rule
    if not state.failures:
        return None
    if rule is not None and not situation.follows_unfit:
        charged = sum(failure.rule == rule.name for failure in state.failures)
        if charged > rule.max_attempts:
            return StopReason.RULE_SPENT
    if len(state.failures) >= policy.max_total_attempts:
        return StopReason.TOTAL_SPENT
    return next(iter(_forbidding(situation, 0)), None)


def _forbidding(situation: Situation, wait: Millis) -> list[StopReason]:
    """Return every limit that a wait of that length would cross, the most important first."""
    state, policy = situation.state, situation.policy
    end = situation.moment.now + wait
    first, most = state.first_failure, policy.max_duration
    crossed = {
        StopReason.BUDGET_SPENT: first is not None and most is not None and end > first + most,
        StopReason.DEADLINE: end >= state.deadline,
        StopReason.WAIT_TOO_LONG: wait > policy.retry_after.max_wait,
    }
    return [reason for reason, is_crossed in crossed.items() if is_crossed]


def what_one_provider_keeps_is_asked_of_no_other(moment: Moment) -> None:
    """Nor with the key of another organisation; and what asks for no generation is asked once, at once."""
    calls, freedom = moment.calls, moment.journey.freedom
    if freedom is not Freedom.ANYWHERE:
        assert {(call.target, call.key) for call in calls} <= {(moment.primary.id, 0)}
    if freedom is Freedom.ONCE:
        assert [call.waited for call in calls] == [0]
        assert isinstance(moment.decision, Deliver) or not moment.replies


LAWS_OF_CHOICES = (
    no_rule_allows_more_than_it_says,
    no_attempt_waits_for_another_targets_retry_after,
    no_wait_crosses_a_limit,
    only_candidates_are_called,
    no_blocked_target_is_called_while_another_is_free,
    a_key_on_cooldown_is_used_only_if_all_are,
    no_key_is_refused_twice_in_a_row,
    never_more_rounds_than_the_policy_says,
    no_unfit_target_is_called_again,
)

LAWS_OF_MOMENTS = (
    a_target_that_timed_out_is_deprioritized,
    what_one_provider_keeps_is_asked_of_no_other,
    never_more_calls_than_the_limits_allow,
    what_is_reported_is_what_was_done,
    success_is_delivered_and_failure_is_not,
    why_nothing_more_was_tried_is_true,
    a_key_that_is_not_on_cooldown_is_tried_before_anything_else,
    a_retry_after_is_reported,
)


def a_request_that_is_refused_at_once_has_just_failed(decided: Sequence[Moment]) -> None:
    """Find the same request failed within the policy's window, and within its client's Retry-After."""
    for place, moment in enumerate(decided):
        if not isinstance(moment.decision, Exhausted) or moment.decision.reason is not StopReason.REPEATED:
            continue
        policy, journey = moment.policy, moment.journey
        assert policy is not None
        assert journey.resource
        assert moment.primary.credential is not Credential.CLIENT
        ends = {
            before.now + before.decision.retry_after
            for before in decided[:place]
            if isinstance(before.decision, Exhausted)
            and before.decision.reason is not StopReason.REPEATED
            and before.decision.failures == moment.decision.failures
            and before.decision.retry_after is not None
            and (before.journey.primary, before.journey.resource) == (journey.primary, journey.resource)
            and before.now > moment.now - policy.repeat_window
        }
        assert moment.decision.retry_after is not None
        assert moment.decision.retry_after > 0
        assert moment.now + moment.decision.retry_after in ends


def obey_the_laws(decided: Sequence[Moment]) -> None:
    """Assert every law of everything that was decided."""
    a_request_that_is_refused_at_once_has_just_failed(decided)
    for moment in decided:
        for rule in LAWS_OF_MOMENTS:
            rule(moment)
    for choice in choices(decided):
        for law in LAWS_OF_CHOICES:
            law(choice)
