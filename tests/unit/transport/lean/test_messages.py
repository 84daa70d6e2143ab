"""Messages and their prefix."""

from __future__ import annotations

import pytest

from extproc.transport.lean.messages import MessageReader, MessageRefusedError, prefixed
from extproc.transport.lean.status import Status


def read(*pieces: bytes, limit: int = 1_000) -> list[bytes]:
    """Return the messages that *pieces* hold."""
    reader = MessageReader(limit)
    return [message for piece in pieces for message in reader.feed(piece)]


def test_a_message_is_what_was_sent() -> None:
    assert read(prefixed(b"hello")) == [b"hello"]


def test_a_message_may_be_empty() -> None:
    assert read(prefixed(b"")) == [b""]


def test_pieces_have_nothing_to_do_with_messages() -> None:
    """Every way of cutting three messages in two gives the three."""
    whole = prefixed(b"one") + prefixed(b"") + prefixed(b"three")

    for position in range(len(whole) + 1):
        assert read(whole[:position], whole[position:]) == [b"one", b"", b"three"]
    assert read(*(whole[at : at + 1] for at in range(len(whole)))) == [b"one", b"", b"three"]


def test_what_is_held_is_known() -> None:
    reader = MessageReader(100)

    reader.feed(prefixed(b"whole") + prefixed(b"in pieces")[:8])

    assert reader.held == 8


def test_a_message_of_the_limit_is_taken() -> None:
    assert read(prefixed(bytes(1_000))) == [bytes(1_000)]


@pytest.mark.parametrize(
    "pieces", [(prefixed(bytes(1_001)),), (prefixed(bytes(1_001))[:5],), (b"\x00", b"\x00\x00\x03\xe9")]
)
def test_a_longer_one_is_refused_when_it_is_announced(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(MessageRefusedError) as refused:
        read(*pieces)

    assert refused.value.status is Status.RESOURCE_EXHAUSTED


def test_a_compressed_one_is_refused() -> None:
    """We have announced no compression that we know (gRPC, compression.md)."""
    with pytest.raises(MessageRefusedError) as refused:
        read(b"\x01\x00\x00\x00\x01x")

    assert refused.value.status is Status.UNIMPLEMENTED


def test_pieces_are_kept_as_they_come_and_copied_once() -> None:
    """A buffer that grows with each piece would copy a body of 64 MB four thousand times."""
    whole = prefixed(bytes(100_000))
    reader, pieces = MessageReader(100_000), [whole[at : at + 16_384] for at in range(0, len(whole), 16_384)]
    for piece in pieces[:-1]:
        reader.feed(piece)

    assert reader._parts is not None
    assert all(kept is piece for kept, piece in zip(reader._parts[1:], pieces[1:-1], strict=True))
    assert reader.feed(pieces[-1]) == [bytes(100_000)]
