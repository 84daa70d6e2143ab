"""Attempt state and header text: a small protobuf, base64.

The text travels inside Envoy only: the edge listener takes it out of everything that clients send and get.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from google.protobuf.message import DecodeError

from extproc._gen import state_pb2 as pb
from extproc.policy.attempts import FailedAttempt, Reason, Step, Story
from extproc.policy.blocks import Block, BlockKind
from extproc.policy.model import Instant, TargetId
from extproc.policy.outcome import Kind, Outcome
from extproc.transport.errors import StateError

_LONGEST = 64 * 1024
"""Envoy lets fewer bytes through in all headers of a request together: nobody has written a longer state."""


def encode_story(story: Story) -> str:
    """Return *story* as the value of a header."""
    message = pb.Story(
        primary=_name(story.primary),
        began=story.began,
        deadline=story.deadline,
        next=pb.Step(
            target=_name(story.next.target),
            not_before=story.next.not_before,
            reason=story.next.reason,
            key=story.next.key,
            waited=story.next.waited,
        ),
        failures=[_encode_failure(failure) for failure in story.failures],
        first_failure=story.first_failure,
        round=story.round,
        round_start=story.round_start,
        blocks=[pb.Block(kind=block.kind, subject=_name(block.subject), until=block.until) for block in story.blocks],
        slow=[_name(target) for target in story.slow],
        body_sha256=story.body_sha256,
    )
    return b2a_base64(message.SerializeToString(), newline=False).decode("ascii")


def decode_story(text: str) -> Story:
    """Return the story that *text*, the value of a header, holds.

    Raises:
        StateError: *text* is not what `encode_story` writes, or a newer version wrote a word that this one does
            not know.
    """
    if len(text) > _LONGEST:
        raise StateError(f"attempt state: expected at most {_LONGEST} characters, got {len(text)}")
    try:
        message = pb.Story.FromString(a2b_base64(text, strict_mode=True))
        if not (message.primary and message.HasField("next")):
            raise StateError("attempt state: expected a primary and a next step, got neither or one")
        if message.next.not_before > message.deadline:  # it would be held for as long as somebody likes
            raise StateError("attempt state: expected the next step before the deadline, got a later one")
        return _decode_story(message)
    except (ValueError, DecodeError) as error:
        # The text of *error* may quote what it has choked on.
        raise StateError(f"attempt state: {type(error).__name__}") from error


def _encode_failure(failure: FailedAttempt) -> pb.FailedAttempt:
    outcome = failure.outcome
    return pb.FailedAttempt(
        target=_name(failure.target),
        outcome=pb.Outcome(
            kind=outcome.kind, status=outcome.status, retry_after=outcome.retry_after, limit=outcome.limit
        ),
        rule=failure.rule,
        key=failure.key,
        waited=failure.waited,
        duration=failure.duration,
    )


def _decode_story(message: pb.Story) -> Story:
    step = message.next
    return Story(
        primary=_target(message.primary),
        began=Instant(message.began),
        deadline=Instant(message.deadline),
        next=Step(_target(step.target), Instant(step.not_before), Reason(step.reason), step.key, step.waited),
        failures=tuple(_decode_failure(failure) for failure in message.failures),
        first_failure=Instant(message.first_failure) if message.HasField("first_failure") else None,
        round=message.round,
        round_start=message.round_start,
        blocks=tuple(
            Block(BlockKind(block.kind), _text(block.subject), Instant(block.until)) for block in message.blocks
        ),
        slow=tuple(_target(target) for target in message.slow),
        body_sha256=message.body_sha256,
    )


def _decode_failure(message: pb.FailedAttempt) -> FailedAttempt:
    outcome = message.outcome
    return FailedAttempt(
        target=_target(message.target),
        outcome=Outcome(
            kind=Kind(outcome.kind),
            status=outcome.status,
            retry_after=outcome.retry_after if outcome.HasField("retry_after") else None,
            limit=outcome.limit if outcome.HasField("limit") else None,
        ),
        rule=message.rule if message.HasField("rule") else None,
        key=message.key,
        waited=message.waited,
        duration=message.duration,
    )


def _name(text: str) -> bytes:
    # A name may be half a surrogate pair: see state.proto.
    return text.encode("utf-8", "surrogatepass")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")


def _target(name: bytes) -> TargetId:
    return TargetId(_text(name))
