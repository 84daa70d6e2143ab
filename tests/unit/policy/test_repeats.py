"""A request that has just been exhausted is not sent to all targets again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from support.policy.builders import (
    CONNECTION_ERROR,
    HALF,
    NOW,
    SUCCESS,
    TIMEOUT,
    P,
    S,
    T,
    a_policy,
    a_rule,
    a_target,
    after,
    an_engine,
    final,
    http,
)

from extproc.policy.attempt_state import FailedAttempt
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import Deliver, Exhausted, StopReason, Try
from extproc.policy.repeats import Repeats, Request
from extproc.policy.target import Api, Credential, TargetId

if TYPE_CHECKING:
    from extproc.policy.decision import Decision
    from extproc.policy.engine import Engine
    from extproc.policy.outcome import Outcome
    from extproc.policy.rules import Policy

CHAT = "POST /v1/chat/completions"
ONE, OTHER = b"1" * 32, b"2" * 32
ONCE = a_policy(fallback_models=(S,), default=a_rule(max_attempts=1))


@dataclass
class Client:
    """Sends one request after the other."""

    engine: Engine
    calls: list[TargetId] = field(default_factory=list)

    def asks(
        self,
        *outcomes: Outcome,
        at: int = 0,
        body: bytes = ONE,
        resource: str = CHAT,
        primary: TargetId = P,
        length: int = 9,
    ) -> Decision:
        """Return what becomes of a request whose attempts come to *outcomes*, the last of them again and again."""
        target, now = self.engine.catalog[primary], after(at)
        decision: Decision = self.engine.first(
            target,
            Api.CHAT,
            now=now,
            deadline=after(900_000),
            rng=HALF,
            body_sha256=body,
            body_length=length,
            resource=resource,
        )
        left = list(outcomes)
        while isinstance(decision, Try):
            self.calls.append(decision.state.next.target)
            outcome = left.pop(0) if len(left) > 1 else left[0]
            decision = self.engine.after(
                decision.state, outcome, Api.CHAT, duration=0, now=now, rng=HALF, resource=resource
            )
        return decision


def a_client(policy: Policy | None = ONCE, blocks: Blocks | None = None) -> Client:
    return Client(an_engine(policy=policy, blocks=blocks))


@pytest.mark.parametrize("outcome", [http(503), http(429), TIMEOUT, CONNECTION_ERROR])
def test_the_same_request_again_calls_no_target(outcome: Outcome) -> None:
    """A client that retries in layers: thirty requests, and the providers are called for one."""
    client = a_client()
    first = client.asks(outcome)

    again = [client.asks(SUCCESS, at=wait) for wait in range(0, 1999, 69)]

    assert isinstance(first, Exhausted)
    assert client.calls == [P, S]
    assert again == [
        replace(first, reason=StopReason.REPEATED, default_retry_after=2000 - wait) for wait in range(0, 1999, 69)
    ]


def test_it_has_made_no_attempt_itself() -> None:
    """But the client gets the failure of the first one, and the time that is left."""
    client = a_client()
    client.asks(http(429), http(503))

    again = client.asks(SUCCESS, at=500)

    assert isinstance(again, Exhausted)
    assert (again.attempts, again.retry_after, again.observed_retry_after) == ((), 1500, None)
    assert again.decisive == FailedAttempt(S, http(503), "default")


def test_a_client_that_obeys_retry_after_is_served() -> None:
    client = a_client()
    first = client.asks(http(503))

    assert isinstance(first, Exhausted)
    assert first.retry_after == 2000
    assert isinstance(client.asks(SUCCESS, at=2000), Deliver)


def test_it_takes_longer_each_time_to_be_served() -> None:
    """Codex comes thirty times, each time after its Retry-After: three may be any client's, so many are a loop."""
    client, at, called_at = a_client(), 0, []

    for _ in range(30):
        before = len(client.calls)
        decision = client.asks(http(503), at=at)
        assert isinstance(decision, Exhausted)
        assert decision.retry_after == 2000
        if len(client.calls) > before:
            called_at.append(at)
        at += 2000

    assert called_at == [0, 2000, 4000, 8000, 16_000, 32_000, 48_000]
    assert client.calls == [P, S] * 7


def test_one_prompt_in_another_order_is_the_same_loop() -> None:
    """Codex writes the members of an object as they come, so that its rounds of five differ in their bytes alone."""
    client = a_client()

    for number in range(30):
        client.asks(http(503), at=2000 * number, body=bytes([number // 5]) * 32)

    assert len(client.calls) == 2 * 9  # at 0, 2, 4 and 8 s, and with each new body once


def test_many_at_a_time_are_no_loop() -> None:
    """In an outage there may be many bodies of one length: the repetitions of each are served as ever."""
    client = a_client()
    bodies = [bytes([number]) * 32 for number in range(20)]
    for body in bodies:
        client.asks(http(503), at=len(client.calls), body=body)

    assert all(isinstance(client.asks(http(503), at=2040, body=body), Exhausted) for body in bodies)
    assert len(client.calls) == 2 * 40


def failing(times: int) -> tuple[Client, int]:
    """Return a client whose request has failed so often in a row, and when it did so last."""
    client, at = a_client(), 0
    client.asks(http(503))
    for _ in range(1, times):
        while not isinstance(decision := client.asks(http(503), at=at), Exhausted) or (
            decision.reason is StopReason.REPEATED
        ):
            at += 1000
    return client, at


def test_a_target_that_has_recovered_is_not_withheld() -> None:
    """Another request shows it: from the policy's own window on."""
    client, at = failing(3)
    assert isinstance(client.asks(SUCCESS, at=at + 3999), Exhausted)

    client.asks(SUCCESS, at=at + 1000, body=OTHER)

    assert isinstance(client.asks(SUCCESS, at=at + 1999), Exhausted)
    assert isinstance(client.asks(SUCCESS, at=at + 2000), Deliver)


def test_one_that_has_nothing_to_do_with_it_says_nothing() -> None:
    client, at = failing(3)

    client.asks(SUCCESS, at=at + 1000, body=OTHER, primary=T)

    assert isinstance(client.asks(SUCCESS, at=at + 3999), Exhausted)


def test_a_success_before_the_failure_says_nothing() -> None:
    client, at = failing(2)
    client.asks(SUCCESS, at=at + 1999, body=OTHER)
    client.asks(http(503), at=at + 2000)

    assert isinstance(client.asks(SUCCESS, at=at + 2000 + 3999), Exhausted)
    assert isinstance(client.asks(SUCCESS, at=at + 2000 + 4000), Deliver)


def test_after_a_while_it_begins_anew() -> None:
    """With the first window: a failure of an hour ago is forgotten."""
    client, at = failing(3)
    later = at + 4000 + 16_000
    client.asks(http(503), at=later)

    assert isinstance(client.asks(SUCCESS, at=later + 1999), Exhausted)
    assert isinstance(client.asks(SUCCESS, at=later + 2000), Deliver)


def test_a_provider_that_says_when_to_come_is_taken_at_its_word_each_time() -> None:
    client = a_client()

    for at in range(0, 10_000, 1000):
        client.asks(http(503, retry_after=1000), at=at)

    assert client.calls == [P, S] * 10


@pytest.mark.parametrize(("asked", "served_at"), [(500, 500), (1999, 1999)])
def test_no_request_is_refused_for_longer_than_a_provider_asked_for(asked: int, served_at: int) -> None:
    """A wait that is shorter than ours is the client's Retry-After."""
    client = a_client()
    first = client.asks(http(503, retry_after=asked))

    assert isinstance(first, Exhausted)
    assert first.retry_after == asked
    assert isinstance(client.asks(SUCCESS, at=served_at - 1), Exhausted)
    assert isinstance(client.asks(SUCCESS, at=served_at), Deliver)


def test_a_wait_of_zero_is_not_remembered() -> None:
    client = a_client()
    client.asks(http(503, retry_after=0))

    assert isinstance(client.asks(SUCCESS), Deliver)


def test_a_longer_wait_is_passed_on() -> None:
    """Remembered for two seconds only: after that it is for the blocks to say."""
    client = a_client()
    client.asks(http(503, retry_after=4000))
    again = client.asks(SUCCESS, at=1000)

    assert isinstance(again, Exhausted)
    assert (again.reason, again.retry_after) == (StopReason.REPEATED, 3000)
    assert isinstance(client.asks(SUCCESS, at=2000), Deliver)


@pytest.mark.parametrize(
    "another",
    [{"body": OTHER}, {"resource": "POST /v1/responses"}, {"resource": "GET /v1/chat/completions"}, {"primary": T}],
)
def test_any_other_request_is_served(another: dict[str, object]) -> None:
    """Another body, path or method, or another model that the hint header names."""
    client = a_client()
    client.asks(http(503))

    assert isinstance(client.asks(SUCCESS, **another), Deliver)  # type: ignore[arg-type]


def test_the_policy_says_for_how_long() -> None:
    client = a_client(replace(ONCE, repeat_window=100))
    first = client.asks(http(503))

    assert isinstance(first, Exhausted)
    assert first.retry_after == 100
    assert isinstance(client.asks(SUCCESS, at=99), Exhausted)
    assert isinstance(client.asks(SUCCESS, at=100), Deliver)


def test_zero_is_off() -> None:
    """The client gets a Retry-After all the same."""
    client = a_client(replace(ONCE, repeat_window=0))
    first = client.asks(http(503))

    assert isinstance(first, Exhausted)
    assert first.retry_after == 1000
    assert isinstance(client.asks(SUCCESS), Deliver)


def test_without_a_policy_nothing_is_remembered() -> None:
    client = a_client(None)

    assert [type(client.asks(outcome)) for outcome in (http(503), SUCCESS)] == [Deliver, Deliver]
    assert client.calls == [P, P]


def test_what_repeating_cannot_fix_is_not_remembered() -> None:
    """A rule has tried a 404 elsewhere: that is no failure of the moment."""
    policy = replace(ONCE, on_status={404: a_rule("on_status_codes[0]", max_attempts=1)})
    client = a_client(policy)
    client.asks(http(404))

    assert isinstance(client.asks(SUCCESS), Deliver)


def test_what_has_called_no_target_is_not_remembered() -> None:
    """It costs no provider anything, and the blocks know better."""
    blocks = Blocks()
    blocks.add(Block(BlockKind.RETRY_AFTER, P, after(90_000)), now=NOW)
    client = Client(an_engine(P, policy=a_policy(), blocks=blocks))

    reasons = [client.asks(SUCCESS) for _ in range(2)]

    assert [decision.reason for decision in reasons if isinstance(decision, Exhausted)] == [
        StopReason.WAIT_TOO_LONG
    ] * 2


def test_another_clients_credential_is_another_request() -> None:
    """With passthrough_auth the failure may be the first client's own."""
    engine = an_engine(a_target(P, credential=Credential.CLIENT), policy=a_policy(rounds=1))
    client = Client(engine)
    client.asks(http(429))

    assert isinstance(client.asks(SUCCESS), Deliver)


def test_a_refusal_is_the_clients_to_know_each_time() -> None:
    client = a_client()

    assert [type(client.asks(final(400))) for _ in range(2)] == [Deliver, Deliver]


def exhausted(attempts: int = 1) -> Exhausted:
    return Exhausted(
        StopReason.NO_CANDIDATE, tuple(FailedAttempt(P, http(503), "default") for _ in range(attempts)), primary=P
    )


def request(number: int) -> Request:
    return Request(P, CHAT, number.to_bytes(32))


def test_the_oldest_are_forgotten_when_there_is_no_room() -> None:
    """What counts is the attempts, which is what takes memory."""
    repeats = Repeats(most=10)
    for number in range(6):
        repeats.note(request(number), exhausted(3), window=2000, now=after(number))

    known = [number for number in range(6) if repeats.recall(request(number), now=after(6)) is not None]

    assert known == [3, 4, 5]


def test_what_has_expired_makes_room() -> None:
    """Also for a request that failed again, whose place is new."""
    repeats = Repeats(most=3)
    repeats.note(request(1), exhausted(), window=2000, now=NOW)
    repeats.note(request(2), exhausted(), window=2000, now=NOW)
    repeats.note(request(1), exhausted(), window=2000, now=after(1999))
    repeats.note(request(3), exhausted(2), window=2000, now=after(2000))

    known = [number for number in (1, 2, 3) if repeats.recall(request(number), now=after(2001)) is not None]

    assert known == [1, 3]


def test_what_is_forgotten_leaves_nothing_behind() -> None:
    """Names of models may come from clients."""
    repeats = Repeats(most=1)
    repeats.note(request(1), exhausted(), window=2000, now=NOW)
    repeats.note_served(P, now=after(1))

    repeats.note(
        request(2), replace(exhausted(), failures=(FailedAttempt(S, http(503), "default"),)), window=2000, now=NOW
    )

    assert (repeats._failed, repeats._served) == ({S: 1}, {})


@pytest.mark.parametrize(("most", "at"), [(1, 0), (9, 2000 + 16_000)])
def test_a_loop_is_forgotten_as_well(most: int, at: int) -> None:
    """For want of room, or when its client has stayed away."""
    repeats = Repeats(most=most)
    repeats.note(request(1), exhausted(), window=2000, now=NOW)

    other = replace(request(2), body_length=1)
    repeats.note(other, exhausted(), window=2000, now=after(at))

    assert [*repeats._rows] == [other.family]


def test_names_that_are_no_text_are_names() -> None:
    """Half a surrogate pair, which JSON may hold."""
    odd = replace(request(1), primary=TargetId(P + "\ud800"), resource="GET /\udcff")
    repeats = Repeats()
    repeats.note(odd, exhausted(), window=2000, now=NOW)

    assert repeats.recall(odd, now=NOW) is not None
    assert repeats.recall(request(1), now=NOW) is None


def test_a_request_without_calls_has_nothing_to_repeat() -> None:
    """It costs nothing to decide again, and things may have changed."""
    repeats = Repeats()
    repeats.note(request(1), replace(exhausted(0), shortest_block=2000), window=2000, now=NOW)

    assert repeats.recall(request(1), now=NOW) is None


def test_a_window_of_a_millisecond_is_one() -> None:
    repeats = Repeats()
    repeats.note(request(1), exhausted(), window=1, now=NOW)

    assert repeats.recall(request(1), now=NOW) is not None
    assert repeats.recall(request(1), now=after(1)) is None
