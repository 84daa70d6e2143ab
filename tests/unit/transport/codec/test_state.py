from __future__ import annotations

from base64 import b64encode
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest
from support.policy.attempt_states import a_state, an_in_flight

from extproc._gen import state_pb2 as pb
from extproc.exchange.in_flight import InFlight
from extproc.policy.attempt_state import AttemptState, FailedAttempt, NextAttempt
from extproc.policy.blocks import Block, BlockKind
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.target import TargetId
from extproc.policy.units import Instant
from extproc.transport.codec.state import decode_state, encode_state
from extproc.transport.errors import StateError

if TYPE_CHECKING:
    from google.protobuf.message import Message


def test_an_attempt_state_survives() -> None:
    """What one attempt knows, the next one knows."""
    assert decode_state(encode_state(a_state())) == a_state()


@pytest.mark.parametrize("outcome", [None, Outcome(Kind.HTTP, 429, retry_after=0)])
@pytest.mark.parametrize("limit", [None, 0, 60_000])
def test_an_attempt_in_flight_survives(outcome: Outcome | None, limit: int | None) -> None:
    """What it was, when it was sent, and what is known of its response."""
    in_flight = replace(an_in_flight(outcome), limit=limit)

    assert decode_state(encode_state(in_flight)) == in_flight


def test_names_that_are_no_text_survive() -> None:
    """Half a surrogate pair, which JSON may hold."""
    odd = TargetId("openai/\ud800")
    state = replace(a_state(), primary=odd, slow=(odd,), blocks=(Block(BlockKind.LATENCY, odd, Instant(1)),))

    assert decode_state(encode_state(state)) == state


def test_absent_is_not_zero() -> None:
    """No Retry-After, no limit, no first failure and no rule stay absent; zeros stay zeros."""
    first, second = a_state().failures
    state = replace(
        a_state(),
        first_failure=None,
        failures=(replace(first, outcome=replace(first.outcome, retry_after=None, limit=0)), second),
    )

    assert decode_state(encode_state(state)) == state


def test_the_text_fits_into_a_header() -> None:
    """Visible ASCII only, and of a size that no header limit minds."""
    text = encode_state(a_state())

    assert text.isascii()
    assert text.isprintable()
    assert " " not in text
    assert len(text) < 600


def test_forty_failures_stay_far_below_envoys_limit() -> None:
    """All headers of a request together may have 60 KiB."""
    assert len(encode_state(replace(a_state(), failures=a_state().failures * 20))) < 6_000


def test_a_next_attempt_after_the_deadline_is_refused() -> None:
    """No policy waits for that: such a state would hold the attempt for years."""
    state = a_state()
    late = replace(state, next=replace(state.next, not_before=Instant(state.deadline + 1)))

    with pytest.raises(StateError, match="before the deadline"):
        decode_state(encode_state(late))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (AttemptState, pb.AttemptState),
        (NextAttempt, pb.NextAttempt),
        (FailedAttempt, pb.FailedAttempt),
        (Outcome, pb.Outcome),
        (Block, pb.Block),
        (InFlight, pb.InFlight),
    ],
)
def test_nothing_of_a_state_is_left_out(
    value: type[AttemptState | NextAttempt | FailedAttempt | Outcome | Block | InFlight], message: type[Message]
) -> None:
    """A field that the rules add has to be added to the message, or it is lost with each attempt.

    An attempt in flight holds its attempt state here, and stands in it on the wire.
    """
    written = {field.name for field in message.DESCRIPTOR.fields} - {"in_flight"}
    assert {field.name for field in fields(value)} - {"state"} == written


def test_every_optional_field_distinguishes_absent_from_zero() -> None:
    """Fields that may be None have presence on the wire."""
    absent = {
        f"{message.DESCRIPTOR.name}.{field.name}"
        for message in (pb.AttemptState, pb.NextAttempt, pb.FailedAttempt, pb.Outcome, pb.Block, pb.InFlight)
        for field in message.DESCRIPTOR.fields
        if field.has_presence and field.message_type is None
    }

    assert absent == {
        "AttemptState.first_failure",
        "FailedAttempt.rule",
        "Outcome.retry_after",
        "Outcome.limit",
        "Outcome.refusal",
        "InFlight.limit",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",  # no bytes at all are a valid message, but no attempt state
        "nonsense",
        "é",
        "AAAA\n",
        encode_state(a_state())[:-8],
        encode_state(a_state()) + "=A",
        " " + encode_state(a_state()),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """There is one error for all of it."""
    with pytest.raises(StateError, match=r"^attempt state: (Error|DecodeError|ValueError|expected a primary and)"):
        decode_state(text)


def test_a_state_that_envoy_would_not_carry_is_refused() -> None:
    """What is done with a list takes time, and other attempts wait: no peer may make a list of a million failures."""
    with pytest.raises(StateError, match=r"^attempt state: expected at most \d+ characters, got \d+$"):
        decode_state(encode_state(replace(a_state(), failures=a_state().failures * 1_000)))
    longest = 64 * 1024
    with pytest.raises(StateError, match=r"^attempt state: (Error|DecodeError)$"):
        decode_state("A" * longest)
    with pytest.raises(StateError, match="expected at most"):
        decode_state("A" * (longest + 1))


def test_a_word_of_a_newer_version_is_refused() -> None:
    """Guessing what another version meant could call a provider that must not be called."""
    unknown = pb.AttemptState(primary=b"a/b", next=pb.NextAttempt(target=b"a/b", reason="by_moonlight"))

    with pytest.raises(StateError, match=r"^attempt state: ValueError$"):
        decode_state(_text(unknown))


def test_an_attempt_state_without_a_next_attempt_is_refused() -> None:
    """The state exists only to say what comes next."""
    problem = "^attempt state: expected a primary and a next attempt, got neither or one$"
    with pytest.raises(StateError, match=problem):
        decode_state(_text(pb.AttemptState(primary=b"a/b")))
    with pytest.raises(StateError, match=problem):
        decode_state(_text(pb.AttemptState(next=pb.NextAttempt(target=b"a/b", reason="primary"))))


def test_the_error_does_not_quote_the_state() -> None:
    """What came in the header may be anything."""
    with pytest.raises(StateError) as caught:
        decode_state("c2VjcmV0")

    assert "secret" not in str(caught.value)
    assert "c2Vj" not in str(caught.value)


def _text(message: pb.AttemptState) -> str:
    return b64encode(message.SerializeToString()).decode()
