"""Attempt states that no sidecar has written, and some that one could have."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from fuzz.configuration import TARGETS
from fuzz.values import LEAST, MOST, any_int, damaged, instant, one_in, raw, text

from extproc._gen import state_pb2 as pb
from extproc.exchange.events import RequestHeaders
from extproc.exchange.in_flight import InFlight
from extproc.policy.attempt_state import Reason
from extproc.policy.blocks import BlockKind
from extproc.policy.outcome import Kind
from extproc.policy.target import Freedom
from extproc.transport.codec.requests import decode, read
from extproc.transport.codec.state import decode_state
from extproc.transport.errors import MessageError, StateError

if TYPE_CHECKING:
    from random import Random

    from extproc.policy.attempt_state import AttemptState

_RULES = ("default", "on_status_codes[0]", "on_high_latency", "on_timeout", "nobody")
_SUBJECTS = (*TARGETS, "openai", "mistral/large", "mistral/*#1", "openai/gpt-4o#0", "https://api.openai.com:443", "")


def state(rng: Random, body: bytes, *, now: int, patient: bool) -> bytes:
    """Return the value of a state header for a request with that *body*.

    With *patient* nobody is made to wait longer than a moment.
    """
    value = _any_state(rng, body, now=now, patient=patient)
    if patient and _waits(value, now):
        return b64encode(_plausible(rng, body, now).SerializeToString())
    return value


def is_held(message: bytes, now: int) -> bool:
    """Return whether *message* carries a state for which a sidecar waits: a bit that is flipped may be an instant's."""
    try:
        event = decode(read(message))
    except MessageError:
        return False
    if not isinstance(event, RequestHeaders) or event.carried is None:
        return False
    return _attempt_state_of(event.carried).next.not_before > now


def _attempt_state_of(carried: AttemptState | InFlight) -> AttemptState:
    return carried.state if isinstance(carried, InFlight) else carried


def _any_state(rng: Random, body: bytes, *, now: int, patient: bool) -> bytes:
    state = _plausible(rng, body, now)
    match rng.randrange(8):
        case 0:
            return text(rng).encode()
        case 1:
            return b64encode(raw(rng, 200))
        case 2:
            return b64encode(damaged(rng, state.SerializeToString()))
        case 3:
            return damaged(rng, b64encode(state.SerializeToString()))
        case 4:
            _go_to_extremes(rng, state, now, patient=patient)
        case 5 if one_in(rng, 50):
            _swell(rng, state, now)
        case _:
            pass
    return b64encode(state.SerializeToString())


def _waits(value: bytes, now: int) -> bool:
    try:
        return _attempt_state_of(decode_state(value.decode("latin-1"))).next.not_before > now
    except StateError:
        return False


def _plausible(rng: Random, body: bytes, now: int) -> pb.AttemptState:
    """Return an attempt state that a sidecar with this configuration could have written a moment ago."""
    failures = [_failure(rng) for _ in range(rng.randrange(4))]
    return pb.AttemptState(
        primary=_target(rng),
        began=now - 1_000,
        deadline=now + 60_000,
        next=pb.NextAttempt(
            target=_target(rng),
            not_before=now - 500,
            reason=rng.choice(list(Reason)),
            key=rng.randrange(3),
            waited=rng.randrange(100),
        ),
        failures=failures,
        in_flight=_in_flight(rng, now),
        first_failure=now - 900,
        round=1 + rng.randrange(3),
        round_start=rng.randrange(len(failures) + 1),
        blocks=[_block(rng, now) for _ in range(rng.randrange(3))],
        slow=[_target(rng) for _ in range(rng.randrange(2))],
        body_sha256=sha256(body).digest(),
        body_length=len(body),
        freedom=rng.choice(["", *Freedom]),
    )


def _in_flight(rng: Random, now: int) -> pb.InFlight | None:
    """Return that nobody has decided on the attempt, if so."""
    if rng.randrange(3):
        return None
    known = rng.choice([None, pb.Outcome(kind=Kind.HTTP, status=429, retry_after=0)])
    return pb.InFlight(sent=now - 300, limit=rng.choice([None, 30_000]), outcome=known, duration=rng.randrange(99))


def _go_to_extremes(rng: Random, state: pb.AttemptState, now: int, *, patient: bool) -> None:
    """Let every field of *state* be as far out as its type allows."""
    state.began, state.deadline = instant(rng, now), instant(rng, now)
    state.next.not_before = now - 500 if patient else instant(rng, now)
    state.next.key, state.next.waited = _int32(rng), any_int(rng, LEAST, MOST)
    state.round, state.round_start = _int32(rng), _int32(rng)
    if one_in(rng, 3):
        state.next.target = _name(rng)
    if one_in(rng, 3):
        state.primary = _name(rng)
    if one_in(rng, 2):
        state.first_failure = instant(rng, now)
    for failure in state.failures:
        failure.key, failure.waited, failure.duration = _int32(rng), instant(rng, 5), instant(rng, 5)
        failure.outcome.status = _int32(rng)
        failure.outcome.retry_after, failure.outcome.limit = instant(rng, 5), instant(rng, 5)
        if one_in(rng, 3):
            failure.target = _name(rng)
    for block in state.blocks:
        block.until = instant(rng, now)
        if one_in(rng, 3):
            block.subject = _name(rng)
    if one_in(rng, 4):
        state.body_sha256 = raw(rng, 40)


def _swell(rng: Random, state: pb.AttemptState, now: int) -> None:
    """Make the lists of *state* longer than any request could make them."""
    many = 10 ** rng.randrange(2, 5)
    state.failures.extend([_failure(rng)] * many)
    state.blocks.extend(_block(rng, now) for _ in range(many))
    state.slow.extend([_target(rng)] * many)


def _failure(rng: Random) -> pb.FailedAttempt:
    failure = pb.FailedAttempt(
        target=_target(rng),
        outcome=pb.Outcome(kind=rng.choice(list(Kind)), status=rng.choice((429, 500, 502, 503, 504))),
        key=rng.randrange(3),
        waited=rng.randrange(50),
        duration=rng.randrange(500),
    )
    if one_in(rng, 2):
        failure.rule = rng.choice(_RULES)
    if one_in(rng, 2):
        failure.outcome.retry_after = rng.randrange(2_000)
    return failure


def _block(rng: Random, now: int) -> pb.Block:
    kind, subject = rng.choice(list(BlockKind)), rng.choice(_SUBJECTS)
    return pb.Block(kind=kind, subject=subject.encode(), until=now + rng.randrange(2_000))


def _target(rng: Random) -> bytes:
    return rng.choice((*TARGETS, f"mistral/m{rng.randrange(100)}")).encode()


def _name(rng: Random) -> bytes:
    """Return the name of a target that is none."""
    return rng.choice((b"", b"/", b"openai", b"mistral/*", b"mistral/", b"\xed\xa0\x80/x", b"\xff", raw(rng)))


def _int32(rng: Random) -> int:
    return any_int(rng, -(2**31), 2**31 - 1)
