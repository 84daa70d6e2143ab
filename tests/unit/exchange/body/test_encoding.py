"""Compressed bodies: their content, or why it cannot be decoded."""

from __future__ import annotations

import tracemalloc

import pytest
from support.bodies.compressors import FRAMED, WAYS, gzipped, wide_zstd

from extproc.exchange.body.encoding import ALWAYS_ALLOWED, MOST_EXPANDED, MOST_FRAMES, Undecodable, decoded

MIB = 1024 * 1024
LIMIT = 64 * MIB
BODY = b'{"model": "openai/gpt-4o", "messages": []}'


def problem(body: bytes, *codings: str, limit: int = LIMIT) -> str:
    """Return why *body* cannot be read."""
    found = decoded(body, codings, limit=limit)
    assert isinstance(found, Undecodable)
    assert not found.too_large
    return found.problem


@pytest.mark.parametrize("coding", WAYS)
def test_a_compressed_body_is_read(coding: str) -> None:
    assert decoded(WAYS[coding](BODY), (coding,), limit=LIMIT) == BODY


def test_a_plain_body_is_itself() -> None:
    assert decoded(BODY, (), limit=0) is BODY


@pytest.mark.parametrize("coding", FRAMED)
def test_several_in_a_row_are_one(coding: str) -> None:
    """Both formats say so; some writers compress a large body piece by piece."""
    pieces = b"".join(FRAMED[coding](BODY[at : at + 5]) for at in range(0, len(BODY), 5))

    assert decoded(pieces, (coding,), limit=LIMIT) == BODY


@pytest.mark.parametrize("coding", FRAMED)
def test_no_end_of_them_is_refused(coding: str) -> None:
    """Each costs a copy of all that follow it."""
    empty = FRAMED[coding](b"")

    assert decoded(empty * MOST_FRAMES, (coding,), limit=LIMIT) == b""
    assert "follows" in problem(empty * (MOST_FRAMES + 1), coding)


@pytest.mark.parametrize("coding", WAYS)
@pytest.mark.parametrize("cut", [1, 8, 12])
def test_a_body_that_is_cut_off_is_refused(coding: str, cut: int) -> None:
    assert "cut off" in problem(WAYS[coding](BODY)[:-cut], coding)


@pytest.mark.parametrize("coding", WAYS)
def test_a_body_with_something_behind_it_is_refused(coding: str) -> None:
    """It would be lost on the way."""
    assert problem(WAYS[coding](BODY) + b"more", coding)


@pytest.mark.parametrize("coding", WAYS)
@pytest.mark.parametrize("body", [BODY, b"\x00" * 40, b"\x1f\x8b\x08" + b"\xff" * 40])
def test_a_body_that_is_something_else_is_refused(coding: str, body: bytes) -> None:
    assert "content encoding says" in problem(body, coding)


@pytest.mark.parametrize("coding", ["br", "compress", "gzip;q=1", "aws-chunked", "x"])
def test_an_unknown_encoding_is_refused_with_those_that_can_be(coding: str) -> None:
    assert "none of gzip, zstd, deflate" in problem(BODY, coding)


def test_a_body_that_was_encoded_twice_is_refused() -> None:
    assert "more than once" in problem(gzipped(gzipped(BODY)), "gzip", "gzip")


@pytest.mark.parametrize("coding", WAYS)
def test_a_body_may_come_to_the_limit_and_not_to_a_byte_more(coding: str) -> None:
    body = WAYS[coding](BODY)

    assert decoded(body, (coding,), limit=len(BODY)) == BODY
    found = decoded(body, (coding,), limit=len(BODY) - 1)
    assert isinstance(found, Undecodable)
    assert found.too_large
    assert f"{len(BODY) - 1} bytes" in found.problem


@pytest.mark.parametrize("coding", FRAMED)
def test_the_limit_is_for_all_that_stand_in_a_row(coding: str) -> None:
    found = decoded(FRAMED[coding](BODY) * 2, (coding,), limit=2 * len(BODY) - 1)

    assert isinstance(found, Undecodable)
    assert found.too_large


@pytest.mark.parametrize("coding", WAYS)
def test_a_bomb_is_no_use(coding: str) -> None:
    """A megabyte may come out of whatever it likes; more than that only of a hundredth of it."""
    allowed, bomb = WAYS[coding](b" " * ALWAYS_ALLOWED), WAYS[coding](b" " * (ALWAYS_ALLOWED + 1))

    assert decoded(allowed, (coding,), limit=LIMIT) == b" " * ALWAYS_ALLOWED
    assert MOST_EXPANDED * len(bomb) < ALWAYS_ALLOWED
    found = decoded(bomb, (coding,), limit=LIMIT)
    assert isinstance(found, Undecodable)
    assert found.too_large


@pytest.mark.parametrize("coding", WAYS)
def test_a_bomb_is_not_unpacked(coding: str) -> None:
    """What is over the limit is never there, not even for a moment."""
    bomb = WAYS[coding](bytes(256 * MIB))

    tracemalloc.start()
    try:
        found = decoded(bomb, (coding,), limit=8 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert isinstance(found, Undecodable)
    assert found.too_large
    assert peak < 24 * MIB


def test_a_window_that_http_does_not_allow_is_refused() -> None:
    """RFC 9659: 8 MiB. A sender that asks for more would have us keep it for each of its requests."""
    assert "content encoding says" in problem(wide_zstd(BODY), "zstd")
