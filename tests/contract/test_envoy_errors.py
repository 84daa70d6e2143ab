"""Errors that Envoy makes itself: JSON in OpenAI's shape, from whichever of the two listeners they come."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from contract.toy_provider import Reply
from contract.worlds import DEAD, a_world, the_worker_dying
from support_envoy import PATIENCE

from extproc.bootstrap.patience import BRIDGING_TRIES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contract.worlds import World

LIMIT = 100_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("envoy"), timeout=1_500, body_limit=LIMIT) as world:
        yield world


def _error(answer: httpx.Response) -> dict[str, object]:
    """Return the error of *answer*, which must be one in OpenAI's shape."""
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["param"] is None
    assert isinstance(body["error"]["message"], str)
    return dict(body["error"])


def test_a_body_over_the_limit_is_refused(world: World) -> None:
    """A body of exactly the limit is not; nobody behind the edge sees one that is larger."""
    answer = world.post("a", b"x" * (LIMIT + 1))

    assert world.post("a", b"x" * LIMIT).status_code == 200
    error = _error(answer)
    assert (answer.status_code, error["type"], error["code"]) == (413, "invalid_request_error", "request_too_large")
    assert len(world.sidecar.streams) == 1


def test_the_listeners_time_limit_ends_a_request(world: World) -> None:
    world.a.reply = Reply(pause=PATIENCE)
    began = time.monotonic()

    answer = world.post("a")

    assert (answer.status_code, _error(answer)["type"]) == (504, "timeout")
    assert 1.4 < time.monotonic() - began < 3


def test_what_is_not_http_is_refused(world: World) -> None:
    with socket.create_connection(("127.0.0.1", world.port), timeout=PATIENCE) as client:
        client.sendall(b"GET\r\n\r\n")
        head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head
    assert b'"type":"invalid_request_error"' in body


@pytest.mark.parametrize(
    ("plan", "limit", "status", "kind"),
    [
        (DEAD, "1000", 503, "connection_error"),
        ("nowhere", "1000", 503, "connection_error"),
        ("a", "200", 504, "timeout"),
    ],
)
def test_a_failure_that_is_not_retried_is_delivered_as_json(
    world: World, plan: str, limit: str, status: int, kind: str
) -> None:
    """With no retry policy the sidecar delivers Envoy's own answer of the attempt; it tells no address."""
    world.a.reply = Reply(pause=PATIENCE)

    answer = world.post(plan, limit=limit, deliver="1")

    error = _error(answer)
    assert (answer.status_code, error["type"]) == (status, kind)
    assert "127.0.0.1" not in answer.text


def test_the_sidecars_own_answers_are_left_alone(world: World) -> None:
    """They are local replies to Envoy like any other, before an attempt and after one."""
    answers = [world.post("a", answer="503"), world.post(DEAD), world.post("nowhere"), world.post("a", answer="413")]

    assert [answer.text for answer in answers] == ['{"by":"toy"}'] * 4


def test_without_any_worker_the_error_says_so(tmp_path: Path) -> None:
    """It comes after some seconds, in which a worker could have come back, and `/healthz` says it at once."""
    with a_world(tmp_path) as world:
        world.sidecar.die()
        began = time.monotonic()

        answer = world.post("a")

        assert (answer.status_code, _error(answer)["type"]) == (503, "policy_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert 2 < time.monotonic() - began < 10
        assert world.a.calls == []
        health = httpx.get(f"{world.url}/healthz")
        assert (health.status_code, _error(health)["type"]) == (503, "policy_unavailable")


def test_an_attempt_that_fails_without_a_worker_ends_as_json_too(tmp_path: Path) -> None:
    """Here the worker dies when it has named the cluster, and none comes back."""
    with a_world(tmp_path) as world:
        world.a.reply = Reply(after=world.sidecar.dead, pause=0.1, reset=True)

        with the_worker_dying(world, when=lambda: bool(world.a.calls)):
            answer = world.post("a")

        assert (answer.status_code, _error(answer)["type"]) == (503, "policy_unavailable")
        assert len(world.a.calls) == 1


def test_a_re_dispatch_that_the_edge_cannot_make_ends_as_json(tmp_path: Path) -> None:
    """The edge makes no more of them than the policies could ask for; what is left then is an answer without a body."""
    with a_world(tmp_path) as world:
        plan = ",".join([DEAD] * 2 * BRIDGING_TRIES)

        answer = world.post(plan)
        head = httpx.head(world.url, headers={"plan": plan}, timeout=PATIENCE)
        next_one = world.post("a")

        assert (answer.status_code, _error(answer)["type"]) == (503, "retry_exhausted")
        assert (head.status_code, head.content) == (503, b"")
        assert next_one.status_code == 200
        assert not {name for name in answer.headers if name.startswith("x-")}
