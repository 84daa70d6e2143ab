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
from extproc.transport import codec
from extproc.transport.errors import MessageError, StateError
from extproc.transport.state_codec import decode_state

if TYPE_CHECKING:
    from random import Random

    from extproc.policy.attempt_state import AttemptState

_RULES = ("default", "on_status_codes[0]", "on_high_latency", "on_timeout", "nobody")
_SUBJECTS = (*TARGETS, "openai", "mistral/large", "mistral/*#1", "openai/gpt-4o#0", "https://api.openai.com:443", "")


def state(chance: Random, body: bytes, *, now: int, patient: bool) -> bytes:
    """Return the value of a state header for a request with that *body*.

    With *patient* nobody is made to wait longer than a moment.
    """
    value = _any_state(chance, body, now=now, patient=patient)
    if patient and _waits(value, now):
        return b64encode(_plausible(chance, body, now).SerializeToString())
    return value


def is_held(message: bytes, now: int) -> bool:
    """Return whether *message* carries a state for which a sidecar waits: a bit that is flipped may be an instant's."""
    try:
        event = codec.decode(codec.read(message))
    except MessageError:
        return False
    if not isinstance(event, RequestHeaders) or event.carried is None:
        return False
    return _attempt_state_of(event.carried).next.not_before > now


def _attempt_state_of(carried: AttemptState | InFlight) -> AttemptState:
    return carried.state if isinstance(carried, InFlight) else carried


def _any_state(chance: Random, body: bytes, *, now: int, patient: bool) -> bytes:
    state = _plausible(chance, body, now)
    match chance.randrange(8):
        case 0:
            return text(chance).encode()
        case 1:
            return b64encode(raw(chance, 200))
        case 2:
            return b64encode(damaged(chance, state.SerializeToString()))
        case 3:
            return damaged(chance, b64encode(state.SerializeToString()))
        case 4:
            _go_to_extremes(chance, state, now, patient=patient)
        case 5 if one_in(chance, 50):
            _swell(chance, state, now)
        case _:
            pass
    return b64encode(state.SerializeToString())


def _waits(value: bytes, now: int) -> bool:
    try:
        return _attempt_state_of(decode_state(value.decode("latin-1"))).next.not_before > now
    except StateError:
        return False


def _plausible(chance: Random, body: bytes, now: int) -> pb.AttemptState:
    """Return an attempt state that a sidecar with this configuration could have written a moment ago."""
    failures = [_failure(chance) for _ in range(chance.randrange(4))]
    return pb.AttemptState(
        primary=_target(chance),
        began=now - 1_000,
        deadline=now + 60_000,
        next=pb.NextAttempt(
            target=_target(chance),
            not_before=now - 500,
            reason=chance.choice(list(Reason)),
            key=chance.randrange(3),
            waited=chance.randrange(100),
        ),
        failures=failures,
        in_flight=_in_flight(chance, now),
        first_failure=now - 900,
        round=1 + chance.randrange(3),
        round_start=chance.randrange(len(failures) + 1),
        blocks=[_block(chance, now) for _ in range(chance.randrange(3))],
        slow=[_target(chance) for _ in range(chance.randrange(2))],
        body_sha256=sha256(body).digest(),
        freedom=chance.choice(["", *Freedom]),
    )


def _in_flight(chance: Random, now: int) -> pb.InFlight | None:
    """Return that nobody has decided on the attempt, if so."""
    if chance.randrange(3):
        return None
    known = chance.choice([None, pb.Outcome(kind=Kind.HTTP, status=429, retry_after=0)])
    return pb.InFlight(
        sent=now - 300, limit=chance.choice([None, 30_000]), outcome=known, duration=chance.randrange(99)
    )


def _go_to_extremes(chance: Random, state: pb.AttemptState, now: int, *, patient: bool) -> None:
    """Let every field of *state* be as far out as its type allows."""
    state.began, state.deadline = instant(chance, now), instant(chance, now)
    state.next.not_before = now - 500 if patient else instant(chance, now)
    state.next.key, state.next.waited = _int32(chance), any_int(chance, LEAST, MOST)
    state.round, state.round_start = _int32(chance), _int32(chance)
    if one_in(chance, 3):
        state.next.target = _name(chance)
    if one_in(chance, 3):
        state.primary = _name(chance)
    if one_in(chance, 2):
        state.first_failure = instant(chance, now)
    for failure in state.failures:
        failure.key, failure.waited, failure.duration = _int32(chance), instant(chance, 5), instant(chance, 5)
        failure.outcome.status = _int32(chance)
        failure.outcome.retry_after, failure.outcome.limit = instant(chance, 5), instant(chance, 5)
        if one_in(chance, 3):
            failure.target = _name(chance)
    for block in state.blocks:
        block.until = instant(chance, now)
        if one_in(chance, 3):
            block.subject = _name(chance)
    if one_in(chance, 4):
        state.body_sha256 = raw(chance, 40)


def _swell(chance: Random, state: pb.AttemptState, now: int) -> None:
    """Make the lists of *state* longer than any request could make them."""
    many = 10 ** chance.randrange(2, 5)
    state.failures.extend([_failure(chance)] * many)
    state.blocks.extend(_block(chance, now) for _ in range(many))
    state.slow.extend([_target(chance)] * many)


def _failure(chance: Random) -> pb.FailedAttempt:
    failure = pb.FailedAttempt(
        target=_target(chance),
        outcome=pb.Outcome(kind=chance.choice(list(Kind)), status=chance.choice((429, 500, 502, 503, 504))),
        key=chance.randrange(3),
        waited=chance.randrange(50),
        duration=chance.randrange(500),
    )
    if one_in(chance, 2):
        failure.rule = chance.choice(_RULES)
    if one_in(chance, 2):
        failure.outcome.retry_after = chance.randrange(2_000)
    return failure


def _block(chance: Random, now: int) -> pb.Block:
    kind, subject = chance.choice(list(BlockKind)), chance.choice(_SUBJECTS)
    return pb.Block(kind=kind, subject=subject.encode(), until=now + chance.randrange(2_000))


def _target(chance: Random) -> bytes:
    return chance.choice((*TARGETS, f"mistral/m{chance.randrange(100)}")).encode()


def _name(chance: Random) -> bytes:
    """Return the name of a target that is none."""
    return chance.choice((b"", b"/", b"openai", b"mistral/*", b"mistral/", b"\xed\xa0\x80/x", b"\xff", raw(chance)))


def _int32(chance: Random) -> int:
    return any_int(chance, -(2**31), 2**31 - 1)
