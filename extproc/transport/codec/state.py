"""Attempt state and header text: a small protobuf, base64.

The text travels inside Envoy only: the edge listener takes it out of everything that clients send and get.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from google.protobuf.message import DecodeError

from extproc._gen import state_pb2 as pb
from extproc.exchange.in_flight import InFlight
from extproc.policy.attempt_state import AttemptState, FailedAttempt, NextAttempt, Reason
from extproc.policy.blocks import Block, BlockKind
from extproc.policy.outcome import Kind, Outcome, Refusal
from extproc.policy.target import Freedom, TargetId
from extproc.policy.units import Instant
from extproc.transport.errors import StateError

_LONGEST = 64 * 1024
"""Envoy lets fewer bytes through in all headers of a request together: no sidecar writes a longer state."""


def encode_state(value: AttemptState | InFlight) -> str:
    """Return *value* as the text of a header: an attempt state, or an attempt in flight."""
    if isinstance(value, AttemptState):
        return _written(_encode_attempt_state(value))
    message = _encode_attempt_state(value.state)
    in_flight = message.in_flight
    in_flight.sent = value.sent
    if value.limit is not None:
        in_flight.limit = value.limit
    if value.outcome is not None:
        in_flight.outcome.CopyFrom(_encode_outcome(value.outcome))
        in_flight.duration = value.duration
    return _written(message)


def _written(message: pb.AttemptState) -> str:
    return b2a_base64(message.SerializeToString(), newline=False).decode("ascii")


def _encode_attempt_state(state: AttemptState) -> pb.AttemptState:
    """Return the message of *state*; what has its default is not touched, which is most of a first attempt's."""
    message, following = pb.AttemptState(), state.next
    message.primary = _name(state.primary)
    message.began = state.began
    message.deadline = state.deadline
    message.round = state.round
    message.body_sha256 = state.body_sha256
    message.body_length = state.body_length
    next_message = message.next
    next_message.target = _name(following.target)
    next_message.not_before = following.not_before
    next_message.reason = following.reason
    next_message.key = following.key
    next_message.waited = following.waited
    if state.failures:
        message.failures.extend([_encode_failure(failure) for failure in state.failures])
    if state.first_failure is not None:
        message.first_failure = state.first_failure
    if state.round_start:
        message.round_start = state.round_start
    for block in state.blocks:
        message.blocks.add(kind=block.kind, subject=_name(block.subject), until=block.until)
    if state.slow:
        message.slow.extend([_name(target) for target in state.slow])
    if state.freedom is not Freedom.ANYWHERE:
        message.freedom = state.freedom
    return message


def decode_state(text: str) -> AttemptState | InFlight:
    """Return what *text*, the value of a header, holds.

    Raises:
        StateError: *text* is not what `encode_state` writes, or a newer version wrote a value that this one does
            not know.
    """
    if len(text) > _LONGEST:
        raise StateError(f"attempt state: expected at most {_LONGEST} characters, got {len(text)}")
    try:
        message = pb.AttemptState.FromString(a2b_base64(text, strict_mode=True))
        if not (message.primary and message.HasField("next")):
            raise StateError("attempt state: expected a primary and a next attempt, got neither or one")
        if message.next.not_before > message.deadline:  # it would be held for as long as the header says
            raise StateError("attempt state: expected the next attempt before the deadline, got a later one")
        state = _decode_attempt_state(message)
        return _decode_in_flight(state, message.in_flight) if message.HasField("in_flight") else state
    except (ValueError, DecodeError) as error:
        # The text of *error* may quote what it has choked on.
        raise StateError(f"attempt state: {type(error).__name__}") from error


def _encode_failure(failure: FailedAttempt) -> pb.FailedAttempt:
    return pb.FailedAttempt(
        target=_name(failure.target),
        outcome=_encode_outcome(failure.outcome),
        rule=failure.rule,
        key=failure.key,
        waited=failure.waited,
        duration=failure.duration,
    )


def _encode_outcome(outcome: Outcome) -> pb.Outcome:
    return pb.Outcome(
        kind=outcome.kind,
        status=outcome.status,
        retry_after=outcome.retry_after,
        limit=outcome.limit,
        refusal=outcome.refusal,
    )


def _decode_in_flight(state: AttemptState, message: pb.InFlight) -> InFlight:
    return InFlight(
        state,
        sent=Instant(message.sent),
        limit=message.limit if message.HasField("limit") else None,
        outcome=_decode_outcome(message.outcome) if message.HasField("outcome") else None,
        duration=message.duration,
    )


def _decode_attempt_state(message: pb.AttemptState) -> AttemptState:
    next_message = message.next
    return AttemptState(
        primary=_target(message.primary),
        began=Instant(message.began),
        deadline=Instant(message.deadline),
        next=NextAttempt(
            _target(next_message.target),
            Instant(next_message.not_before),
            Reason(next_message.reason),
            next_message.key,
            next_message.waited,
        ),
        failures=tuple(_decode_failure(failure) for failure in message.failures),
        first_failure=Instant(message.first_failure) if message.HasField("first_failure") else None,
        round=message.round,
        round_start=message.round_start,
        blocks=tuple(
            Block(BlockKind(block.kind), _text(block.subject), Instant(block.until)) for block in message.blocks
        ),
        slow=tuple(_target(target) for target in message.slow),
        body_sha256=message.body_sha256,
        body_length=message.body_length,
        freedom=Freedom(message.freedom or Freedom.ANYWHERE),
    )


def _decode_failure(message: pb.FailedAttempt) -> FailedAttempt:
    return FailedAttempt(
        target=_target(message.target),
        outcome=_decode_outcome(message.outcome),
        rule=message.rule if message.HasField("rule") else None,
        key=message.key,
        waited=message.waited,
        duration=message.duration,
    )


def _decode_outcome(message: pb.Outcome) -> Outcome:
    return Outcome(
        kind=Kind(message.kind),
        status=message.status,
        retry_after=message.retry_after if message.HasField("retry_after") else None,
        limit=message.limit if message.HasField("limit") else None,
        refusal=Refusal(message.refusal) if message.HasField("refusal") else None,
    )


def _name(text: str) -> bytes:
    # A name may be half a surrogate pair: see state.proto.
    return text.encode("utf-8", "surrogatepass")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")


def _target(name: bytes) -> TargetId:
    return TargetId(_text(name))
