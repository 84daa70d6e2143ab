"""What the edge makes of requests before anybody else sees them: how they are framed, how their paths are written."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
from support.toys.provider import Reply
from support.waiting import DEADLINE

if TYPE_CHECKING:
    from support.toys.world import World

HEADERS = "plan: a\r\ncontent-length: 2\r\n"


def _connect(world: World, request: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", world.port), timeout=DEADLINE)
    client.sendall(request.encode())
    return client


def _exchange(world: World, request: str) -> tuple[str, str]:
    """Return head and body of the answer to *request*, which must end the connection."""
    with _connect(world, request) as client, client.makefile("rb") as answer:
        head, _, body = answer.read().decode().partition("\r\n\r\n")
    return head, body


@pytest.mark.parametrize("host", ["", "host: gateway\r\n"])
@pytest.mark.parametrize("connection", ["", "connection: close\r\n", "connection: keep-alive\r\n"])
def test_an_http_1_0_client_gets_its_response(world: World, host: str, connection: str) -> None:
    """As nginx asks by default: no chunks, which that version does not know; the connection's end is the response's."""
    world.a.reply = Reply(chunks=(b"one ", b"two"))

    head, body = _exchange(world, f"POST /v1/chat/completions HTTP/1.0\r\n{HEADERS}{host}{connection}\r\n{{}}")

    assert head.startswith("HTTP/1.0 200 OK\r\n")
    assert "transfer-encoding" not in head
    assert "connection: close" in head
    assert body == "one two"
    assert world.a.calls[0].body == b"{}"


def test_an_http_1_0_client_keeps_a_connection_when_the_length_is_known(world: World) -> None:
    """And only when it asks for that."""
    request = f"POST /v1/chat/completions HTTP/1.0\r\n{HEADERS}answer: 400\r\nconnection: keep-alive\r\n\r\n{{}}"
    with _connect(world, request) as client, client.makefile("rb") as answers:
        for _ in range(2):
            head = [line.strip().lower() for line in iter(answers.readline, b"\r\n")]
            assert b"connection: keep-alive" in head
            length = next(line for line in head if line.startswith(b"content-length:"))
            answers.read(int(length.partition(b":")[2]))
            client.sendall(request.encode())


def test_an_http_1_0_client_gets_a_stream_as_it_comes(world: World) -> None:
    """Event by event: the first one is there long before the last."""
    world.a.reply = Reply(chunks=(b"data: 1\n\n", b"data: 2\n\n"), gap=0.5)

    with (
        _connect(world, f"POST /v1/chat/completions HTTP/1.0\r\n{HEADERS}\r\n{{}}") as client,
        client.makefile("rb") as answer,
    ):
        while answer.readline() != b"\r\n":
            pass
        first, began = answer.readline(), time.monotonic()
        rest = answer.read()

    assert (first, rest) == (b"data: 1\n", b"\ndata: 2\n\n")
    assert time.monotonic() - began > 0.3


def test_a_failover_is_nothing_to_an_http_1_0_client(world: World) -> None:
    world.a.reply = Reply(status=429)

    head, body = _exchange(world, "POST /v1/chat/completions HTTP/1.0\r\nplan: a,b\r\ncontent-length: 2\r\n\r\n{}")

    assert (head.splitlines()[0], body) == ("HTTP/1.0 200 OK", "ok")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/v1/../v1/chat/completions", "/v1/chat/completions"),
        ("/v1/%2e%2E/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/..%2Fv1/chat/completions", "/v1/chat/completions"),
        ("/v1/./chat/completions", "/v1/chat/completions"),
        ("//v1///chat//completions", "/v1/chat/completions"),
        ("/v1/%63hat/%63ompletions", "/v1/chat/completions"),
        ("/v1%2Fchat%2fcompletions", "/v1/chat/completions"),
        ("/v1\\chat%5Ccompletions", "/v1/chat/completions"),
        ("http://elsewhere.example//v1/chat/completions", "/v1/chat/completions"),
        ("/../../v1/chat/completions", "/v1/chat/completions"),
        ("/v1/models/openai%2Fgpt-4o", "/v1/models/openai/gpt-4o"),
        ("/v1/models/a%20b%3Ac", "/v1/models/a%20b%3Ac"),
        ("/v1/models/%25%32F", "/v1/models/%252F"),
        ("/v1/x?then=//a/../b%2Fc%63", "/v1/x?then=//a/../b%2Fc%63"),
    ],
)
def test_a_path_means_one_thing_however_it_is_written(world: World, written: str, meant: str) -> None:
    """The sidecar and the provider see that one; a query is not touched."""
    head, _ = _exchange(world, f"GET {written} HTTP/1.1\r\nhost: a\r\nplan: a\r\nconnection: close\r\n\r\n")

    assert head.startswith("HTTP/1.1 200 ")
    assert [call.path for call in world.a.calls] == [meant]
    assert [stream.headers[":path"] for stream in world.sidecar.streams] == [meant]


@pytest.mark.parametrize("path", ["/v1/x#y", "/v1/%00", "/v1/x%00y"])
def test_a_path_that_cannot_be_one_reaches_nobody(world: World, path: str) -> None:
    head, _ = _exchange(world, f"GET {path} HTTP/1.1\r\nhost: a\r\nplan: a\r\nconnection: close\r\n\r\n")

    assert head.startswith("HTTP/1.1 400 ")
    assert world.sidecar.streams == []


def test_a_header_with_an_underscore_passes(world: World) -> None:
    """Codex tells its session that way."""
    world.post("a", headers={"session_id": "1"})

    assert world.a.calls[0].header("session_id") == ["1"]


def test_connections_are_limited(world: World) -> None:
    """Envoy warns at its start when they are not; only those of clients count."""
    assert (
        "no configured limit to the number of allowed active downstream connections" not in world.envoy.log.read_text()
    )
    assert world.envoy.counter("overload.envoy.resource_monitors.global_downstream_max_connections.failed_updates") >= 0
