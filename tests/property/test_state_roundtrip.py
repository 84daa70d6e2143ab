"""Laws of the attempt state: every one survives, and nothing else is taken for one."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange.in_flight import InFlight
from extproc.policy.attempt_state import AttemptState, FailedAttempt, NextAttempt, Reason
from extproc.policy.blocks import Block, BlockKind
from extproc.policy.outcome import Kind, Outcome, Refusal
from extproc.policy.target import Freedom, TargetId
from extproc.policy.units import Instant
from extproc.transport.codec.state import decode_state, encode_state
from extproc.transport.errors import StateError

instants = st.integers(min_value=-(2**63), max_value=2**63 - 1).map(Instant)
durations = st.integers(min_value=0, max_value=2**63 - 1)
counts = st.integers(min_value=0, max_value=2**31 - 1)
names = st.text(st.characters(), min_size=1)  # half surrogate pairs included: clients can name a model like that
targets = names.map(TargetId)

steps = st.builds(
    NextAttempt, target=targets, not_before=instants, reason=st.sampled_from(Reason), key=counts, waited=durations
)
outcomes = st.builds(
    Outcome,
    kind=st.sampled_from(Kind),
    status=st.integers(min_value=0, max_value=999),
    retry_after=st.none() | durations,
    limit=st.none() | durations,
    refusal=st.none() | st.sampled_from(Refusal),
)
failures = st.builds(
    FailedAttempt,
    target=targets,
    outcome=outcomes,
    rule=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    key=counts,
    waited=durations,
    duration=durations,
)
blocks = st.builds(Block, kind=st.sampled_from(BlockKind), subject=names, until=instants)
states = st.builds(  # but for a next attempt after the deadline: that is refused
    AttemptState,
    primary=targets,
    began=instants,
    deadline=instants,
    next=steps,
    failures=st.lists(failures, max_size=4).map(tuple),
    first_failure=st.none() | instants,
    round=counts,
    round_start=counts,
    blocks=st.lists(blocks, max_size=3).map(tuple),
    slow=st.lists(targets, max_size=3).map(tuple),
    body_sha256=st.binary(max_size=32),
    body_length=st.integers(0, 2**40),
    freedom=st.sampled_from(Freedom),
).filter(lambda state: state.next.not_before <= state.deadline)

known = {"state": states, "sent": instants, "limit": st.none() | durations}
in_flight = st.builds(InFlight, **known, outcome=outcomes, duration=durations) | st.builds(InFlight, **known)


@given(states | in_flight)
def test_every_state_survives(state: AttemptState | InFlight) -> None:
    """Encoding loses nothing, and what it makes can stand in a header."""
    text = encode_state(state)

    assert text.isascii()
    assert text.isprintable()
    assert decode_state(text) == state


@given(st.text())
def test_arbitrary_text_is_refused_by_one_error(text: str) -> None:
    """Whatever a header holds, reading it ends in an attempt state or in StateError."""
    _read(text)


@given(st.binary())
def test_arbitrary_bytes_are_refused_by_one_error(raw: bytes) -> None:
    """The same behind valid base64, where protobuf meets them."""
    _read(b64encode(raw).decode())


@given(states | in_flight, st.data())
def test_a_damaged_state_is_refused_by_one_error(state: AttemptState | InFlight, data: st.DataObject) -> None:
    """The same with one character changed, which may well leave a valid message."""
    text = encode_state(state)
    place = data.draw(st.integers(min_value=0, max_value=len(text) - 1))
    character = data.draw(st.sampled_from("ABCxyz019+/= \n"))

    _read(text[:place] + character + text[place + 1 :])


def _read(text: str) -> None:
    try:
        decode_state(text)
    except StateError:
        return
