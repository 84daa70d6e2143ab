"""Responses that are framed in an odd way, or have many headers: they were generated and paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.toys.provider import Reply

if TYPE_CHECKING:
    from support.toys.world import World

MANY = b"".join(b"x-header-%d: value\r\n" % number for number in range(199))
LARGE = b"x-large: %s\r\n" % (b"a" * 80_000)


def a_response(headers: bytes, body: bytes = b"hello") -> Reply:
    """Return a reply of exactly these bytes."""
    return Reply(raw=b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n" + body)


@pytest.mark.parametrize(
    "reply",
    [
        a_response(b"content-length: 5\r\ntransfer-encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
        a_response(MANY + b"content-length: 5\r\n"),
        a_response(LARGE + b"content-length: 5\r\n"),
    ],
    ids=["length and chunks", "200 headers", "80 KB of headers"],
)
def test_what_can_be_read_is_delivered(world: World, reply: Reply) -> None:
    world.a.reply = reply

    answer = world.post("a,b")

    assert (answer.status_code, answer.text) == (200, "hello")
    assert (len(world.a.calls), len(world.b.calls)) == (1, 0)


@pytest.mark.parametrize("lengths", [b"content-length: 5\r\n" * 2, b"content-length: 5, 5\r\n"])
def test_what_envoy_cannot_read_is_a_failed_attempt(world: World, lengths: bytes) -> None:
    """It takes no response with two lengths, though they be equal; its reason is reported."""
    world.a.reply = a_response(lengths)

    answer = world.post("a,b")

    assert (answer.status_code, len(world.a.calls), len(world.b.calls)) == (200, 1, 1)
    assert world.sidecar.streams[0].details == "upstream_reset_before_response_started{protocol_error}"
