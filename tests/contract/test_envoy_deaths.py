"""A worker of the sidecar may die at any time, and no client notices."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from support.toys.process import a_worker_process
from support.toys.provider import Reply
from support.toys.sidecar import ToySidecar
from support.toys.world import a_world, the_worker_dying
from support.waiting import eventually_sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.toys.world import World

SOON = 10.0
"""Seconds within which a request must have its response although its worker hangs."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Start everything again: these tests break it."""
    with a_world(tmp_path) as world:
        yield world


def test_an_unprocessed_response_is_delivered(world: World) -> None:
    """A worker that dies while a provider generates costs no second generation."""
    world.a.reply = Reply(after=world.sidecar.dead, pause=0.1, chunks=[b"a", b"b"])

    with the_worker_dying(world, when=lambda: bool(world.a.calls)):
        answer = world.post("a")

    assert (answer.status_code, answer.text, len(world.a.calls)) == (200, "ab", 1)


def test_a_stream_outlives_the_worker_that_processed_it(world: World) -> None:
    """Nothing of a response depends on the sidecar once its headers have passed."""
    world.a.reply = Reply(chunks=[b"a", b"b", b"c"], gap=0.4)

    with the_worker_dying(world, when=lambda: any(stream.status for stream in world.sidecar.streams)):
        answer = world.post("a")

    assert (answer.status_code, answer.text, len(world.a.calls)) == (200, "abc", 1)


@pytest.mark.parametrize("status", [408, 424, 425, 429, 498, 503])
def test_an_unprocessed_error_is_retried(world: World, status: int) -> None:
    """Its worker has died meanwhile; the next one knows whom the first has called, and calls the next."""
    world.a.reply = Reply(after=world.sidecar.dead, pause=0.1, status=status)

    with the_worker_dying(world, when=lambda: bool(world.a.calls), heir=True):
        answer = world.post("a,b")

    assert (answer.status_code, len(world.a.calls), len(world.b.calls)) == (200, 1, 1)


def test_a_clients_own_mistake_is_not_tried_again(world: World) -> None:
    """An error that no other provider would respond differently is delivered, processed or not."""
    world.a.reply = Reply(after=world.sidecar.dead, pause=0.1, status=422)

    with the_worker_dying(world, when=lambda: bool(world.a.calls)):
        answer = world.post("a")

    assert (answer.status_code, len(world.a.calls)) == (422, 1)


@pytest.mark.parametrize("size", [10, 5_000_000])
def test_a_request_without_any_worker_waits_for_one(world: World, size: int) -> None:
    """However long its body takes to arrive: the edge has the whole of it before it asks for an attempt."""
    world.sidecar.die()

    with the_worker_dying(world, when=lambda: True, heir=True):
        answer = world.post("a", b"x" * size)

    assert (answer.status_code, len(world.a.calls)) == (200, 1)


def test_the_attempt_state_survives_the_worker_that_sent_it(world: World) -> None:
    """What failed before is known to the worker that comes next: the state is kept in Envoy, not in a worker."""
    world.a.reply = Reply(status=429)

    with the_worker_dying(world, when=lambda: len(world.sidecar.streams) == 2, heir=True):
        answer = world.post("a,b", hold="0.5")

    assert (answer.status_code, len(world.a.calls), len(world.b.calls)) == (200, 1, 1)


def test_health_follows_the_workers(world: World) -> None:
    """`/healthz` is what tells a load balancer, and `up`, that requests can be served."""
    world.sidecar.die()
    eventually_sync(lambda: not world.is_healthy(), what="unhealthy", within=10)

    with ToySidecar(world.sidecar.port):
        eventually_sync(world.is_healthy, what="healthy again", within=10)


def test_a_worker_that_fails_all_that_it_is_asked_is_left_alone(tmp_path: Path) -> None:
    """Its health checks are fine, so nothing else would: and having the fewest requests it would get the most."""
    with ToySidecar(broken=True) as broken, a_world(tmp_path, more_workers=[broken.address]) as world:
        eventually_sync(lambda: world.envoy.counter("cluster.extproc.membership_healthy") == 2, what="both are healthy")

        answers = [world.post("a") for _ in range(40)]

        assert [answer.status_code for answer in answers] == [200] * 40
        assert world.envoy.counter("cluster.extproc.outlier_detection.ejections_enforced_total") >= 1
        assert len(broken.streams) < 20


def test_a_worker_that_hangs_is_left(tmp_path: Path) -> None:
    """Its connections stay open and nothing comes: the request it holds goes to another one, before anybody minds."""
    with a_worker_process() as hung, a_world(tmp_path, more_workers=[hung.address]) as world:
        eventually_sync(lambda: world.envoy.counter("cluster.extproc.membership_healthy") == 2, what="both are healthy")
        hung.stop()

        for _ in range(4):
            began = time.monotonic()
            answer = world.post("a")

            assert answer.status_code == 200
            assert time.monotonic() - began < SOON
        assert world.envoy.counter("cluster.extproc.http2.keepalive_timeout") >= 1


def test_no_request_waits_twice_for_a_hung_worker(tmp_path: Path) -> None:
    """All that it held goes to the others at once: without a request left, it is the one that would be chosen next."""
    with a_worker_process() as hung, a_world(tmp_path, more_workers=[hung.address]) as world:
        eventually_sync(lambda: world.envoy.counter("cluster.extproc.membership_healthy") == 2, what="both are healthy")

        with ThreadPoolExecutor(24) as clients:
            assert [answer.status_code for answer in clients.map(world.post, ["a"] * 24)] == [200] * 24
            hung.stop()
            assert [answer.status_code for answer in clients.map(world.post, ["a"] * 24)] == [200] * 24
        again = world.envoy.counter("cluster.extproc.upstream_rq_retry")
        assert again >= 1
        assert world.envoy.counter("cluster.extproc.upstream_rq_retry_success") == again
