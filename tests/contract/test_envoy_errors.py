"""Errors that Envoy makes itself: JSON in the shape of the request's API, from whichever listener they come."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from support.toys.provider import Reply
from support.toys.world import DEAD, a_world, the_worker_dying
from support.waiting import DEADLINE

from extproc.bootstrap.timeouts import NO_WORKER_RETRIES
from extproc.exchange.client_errors import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.toys.world import World

LIMIT = 100_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("envoy"), timeout=1_500, body_limit=LIMIT) as world:
        yield world


CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


def _error(answer: httpx.Response) -> tuple[int, str, str]:
    """Return status, type and code of *response*, which must be an error in OpenAI's shape that names its request."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["param"] is None
    assert isinstance(body["error"]["message"], str)
    return answer.status_code, body["error"]["type"], body["error"]["code"]


def _anthropics_error(answer: httpx.Response) -> tuple[int, str]:
    """Return status and type of *response*, which must be an error in Anthropic's shape that names its request."""
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"type", "error", "request_id"}
    assert body["type"] == "error"
    assert set(body["error"]) == {"type", "message"}
    assert body["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]
    return answer.status_code, body["error"]["type"]


def _raw(world: World, request: str) -> tuple[str, dict[str, dict[str, str]]]:
    """Return head and JSON body of the answer to *request*, which must end the connection."""
    with socket.create_connection(("127.0.0.1", world.port), timeout=DEADLINE) as client:
        client.sendall(request.encode())
        head, _, body = client.makefile("rb").read().decode().partition("\r\n\r\n")
    return head, json.loads(body)


def test_a_body_over_the_limit_is_refused(world: World) -> None:
    """A body of exactly the limit is not; nobody behind the edge sees one that is larger."""
    answer = world.post("a", b"x" * (LIMIT + 1))

    assert world.post("a", b"x" * LIMIT).status_code == 200
    assert _error(answer) == (413, "invalid_request_error", "request_too_large")
    assert "100,000 bytes" in answer.text
    assert len(world.sidecar.streams) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/messages",
        "/messages",
        "/v1/messages?beta=true",
        "/v1/messages/count_tokens",
        "/v1/v1/messages",
        "/anthropic/v1/messages",
        "/api/v1/v1/messages",
        "//v1/./messages",
    ],
)
def test_a_request_to_the_messages_api_is_refused_in_anthropics_shape(world: World, path: str) -> None:
    answer = world.post("a", b"x" * (LIMIT + 1), path=path, headers={"x-request-id": "of the client"})

    assert _anthropics_error(answer) == (413, "request_too_large")
    assert answer.headers["request-id"] == "of the client"
    assert world.sidecar.streams == []


def test_a_request_that_names_anthropics_version_is_served_in_its_shape(world: World) -> None:
    """Wherever it goes: OpenAI's clients do not."""
    answer = world.post("a", b"x" * (LIMIT + 1), path="/v1/files", headers={"anthropic-version": "2023-06-01"})

    assert _anthropics_error(answer) == (413, "request_too_large")


@pytest.mark.parametrize("path", ["/v1/threads/t/messages", "/v1/chat/completions/c/messages", "/messages_of_mine"])
def test_openais_own_messages_are_not_anthropics(world: World, path: str) -> None:
    answer = world.post("a", b"x" * (LIMIT + 1), path=path)

    assert _error(answer)[0] == 413


def test_a_time_limit_ends_a_request(world: World) -> None:
    """The sidecar sets it on every attempt: what is left of the listener's timeout."""
    world.a.reply = Reply(pause=DEADLINE)
    began = time.monotonic()

    answer = world.post("a", limit="1500", deliver="1")

    assert _error(answer) == (504, "server_error", "timeout")
    assert 1.4 < time.monotonic() - began < 30
    of_messages = world.post("a", path=MESSAGES, limit="1500", deliver="1")
    assert _anthropics_error(of_messages) == (504, "timeout_error")


def test_what_is_not_http_is_refused(world: World) -> None:
    """There is no request yet that could have an id or an API."""
    head, body = _raw(world, "GET\r\n\r\n")

    assert head.startswith("HTTP/1.1 400 ")
    assert "content-type: application/json" in head
    assert "request-id" not in head
    assert body["error"]["code"] == "bad_request"


def test_a_transfer_coding_that_envoy_does_not_know_is_the_clients_fault(world: World) -> None:
    head, body = _raw(world, f"POST {CHAT} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n")

    assert head.startswith("HTTP/1.1 501 ")
    assert body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("upgrade", ["connection: Upgrade\r\nupgrade: websocket\r\n", "connection: close\r\n"])
@pytest.mark.parametrize("path", ["/v1/responses", "/v1/realtime?model=m"])
def test_a_websocket_is_refused_with_what_to_do_instead(world: World, path: str, upgrade: str) -> None:
    """By 426: Codex goes on over HTTP at once then, tries for seven seconds after a 403, and gives up after a 400.

    Also when a proxy in front, as nginx does, has left nothing of it but its other headers.
    """
    head, body = _raw(
        world,
        f"GET {path} HTTP/1.1\r\nhost: a\r\nplan: a\r\n{upgrade}"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )

    assert head.startswith("HTTP/1.1 426 ")
    assert body["error"]["code"] == "websocket_not_supported"
    assert "WebSocket" in body["error"]["message"]
    assert "supports_websockets = false" in body["error"]["message"]
    assert (world.a.calls, world.sidecar.streams) == ([], [])


@pytest.mark.parametrize(
    ("plan", "limit", "status", "kind"),
    [
        (DEAD, "1000", 503, kinds.CONNECTION_ERROR),
        ("nowhere", "1000", 503, kinds.CONNECTION_ERROR),
        ("a", "200", 504, kinds.PROVIDER_TIMEOUT),
    ],
)
def test_a_failure_that_is_not_retried_is_delivered_as_json(
    world: World, plan: str, limit: str, status: int, kind: kinds.ErrorKind
) -> None:
    """Where the sidecar delivers Envoy's own answer of the attempt. It tells no address, and what the sidecar would."""
    world.a.reply = Reply(pause=DEADLINE)

    answer = world.post(plan, limit=limit, deliver="1")
    of_messages = world.post(plan, limit=limit, deliver="1", path=MESSAGES)

    assert _error(answer) == (status, kind.openai, kind.code)
    assert _anthropics_error(of_messages) == (status, kind.anthropic)
    assert answer.json()["error"]["message"] == of_messages.json()["error"]["message"] == kind.message
    assert "127.0.0.1" not in answer.text + of_messages.text


def test_the_sidecars_own_responses_are_left_alone(world: World) -> None:
    """They are local replies to Envoy like any other, before an attempt and after one."""
    answers = [world.post("a", answer="503"), world.post(DEAD), world.post("nowhere"), world.post("a", answer="413")]

    assert [answer.text for answer in answers] == ['{"by":"toy"}'] * 4


def test_without_any_worker_the_error_says_so(tmp_path: Path) -> None:
    """It comes after some seconds, in which a worker could have come back, and `/healthz` says it at once."""
    with a_world(tmp_path) as world:
        world.sidecar.die()
        began = time.monotonic()

        answer = world.post("a")
        of_messages = world.post("a", path=MESSAGES)

        assert _error(answer) == (503, "server_error", "policy_unavailable")
        assert _anthropics_error(of_messages) == (503, "overloaded_error")
        assert answer.headers["retry-after"] == of_messages.headers["retry-after"] == "1"
        assert 2 < time.monotonic() - began < 30
        assert world.a.calls == []
        health = httpx.get(f"{world.url}/healthz")
        assert _error(health) == (503, "server_error", "policy_unavailable")


def test_an_attempt_that_fails_without_a_worker_ends_as_json_too(tmp_path: Path) -> None:
    """Here the worker dies when it has named the cluster, and none comes back."""
    with a_world(tmp_path) as world:
        world.a.reply = Reply(after=world.sidecar.dead, pause=0.1, reset=True)

        with the_worker_dying(world, when=lambda: bool(world.a.calls)):
            answer = world.post("a")

        assert _error(answer) == (503, "server_error", "policy_unavailable")
        assert len(world.a.calls) == 1


def test_a_re_dispatch_that_the_edge_cannot_make_ends_as_json(tmp_path: Path) -> None:
    """The edge makes no more of them than the policies could ask for; what is left then is an answer without a body."""
    with a_world(tmp_path) as world:
        plan = ",".join([DEAD] * 2 * NO_WORKER_RETRIES)

        answer = world.post(plan)
        of_messages = world.post(plan, path=MESSAGES, headers={"x-request-id": 'a"\\%1'})
        head = httpx.head(world.url, headers={"plan": plan}, timeout=DEADLINE)
        next_one = world.post("a")

        assert (answer.status_code, answer.json()) == (503, kinds.NO_MORE_ATTEMPTS.body(anthropic=False))
        assert of_messages.status_code == 503
        assert of_messages.json() == kinds.NO_MORE_ATTEMPTS.body(anthropic=True, request_id='a"\\%1')
        assert (head.status_code, head.content) == (503, b"")
        assert next_one.status_code == 200
        assert not {name for name in answer.headers if name.startswith("x-")}
