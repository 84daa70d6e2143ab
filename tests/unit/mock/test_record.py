"""What a provider remembers."""

from __future__ import annotations

import hashlib

import pytest

from extproc.mock.record import KEPT_CALLS, KEPT_IN_ALL, Call, Intake, Log


def a_call(*, number: int = 1, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"{}") -> Call:
    return Call(
        number=number,
        method="POST",
        path="/v1/chat/completions",
        headers=headers,
        body=body,
        body_length=len(body),
        body_sha256="",
        model=None,
        streamed=False,
        arrived=0.0,
        connection=1,
        step="200",
    )


def test_a_long_body_is_counted_and_hashed_but_not_kept() -> None:
    """Memory stays bounded; length and SHA-256 still speak of the whole body."""
    intake = Intake(limit=5)
    for piece in (b"abc", b"defg", b"h"):
        intake.add(piece)

    assert (intake.kept, intake.length) == (b"abcde", 8)
    assert intake.sha256 == hashlib.sha256(b"abcdefgh").hexdigest()


def test_a_body_that_was_not_kept_whole_has_no_fields() -> None:
    intake = Intake(limit=4)
    intake.add(b'{"model": "a"}')

    assert intake.fields() == {}


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 200_000, b"null"])
def test_a_body_that_is_no_json_object_has_no_fields(body: bytes) -> None:
    """The provider is given bad bodies on purpose; none may stop it."""
    intake = Intake(limit=1_000_000)
    intake.add(body)

    assert intake.fields() == {}


def test_the_log_drops_the_oldest_calls_but_counts_them() -> None:
    log = Log()
    for number in range(KEPT_CALLS + 2):
        log.add(a_call(number=number + 1))

    assert log.completed == KEPT_CALLS + 2
    assert (len(log.calls), log.calls[0].number) == (KEPT_CALLS, 3)


def test_the_log_drops_the_oldest_calls_when_their_bodies_are_too_much() -> None:
    """A provider that runs for days must not fill the memory; the latest call is there whatever its size."""
    log = Log()
    half = bytes(KEPT_IN_ALL // 2)
    for number in range(1, 5):
        log.add(a_call(number=number, body=half))
    assert [call.number for call in log.calls] == [3, 4]

    log.add(a_call(number=5, body=bytes(KEPT_IN_ALL + 1)))
    assert [call.number for call in log.calls] == [5]


def test_a_header_is_found_whatever_the_case_and_joined_when_repeated() -> None:
    call = a_call(headers=(("accept", "a"), ("x-other", "1"), ("accept", "b")))

    assert call.header("Accept") == "a, b"
    assert call.header("x-missing") is None
