"""Several workers: processes that serve side by side, know the same, and come back when they die."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.sidecar.ext_proc import mutations, request_body, request_headers, response_headers
from support.waiting import eventually_sync

from extproc import names
from extproc._gen import wire_pb2 as pb
from extproc.transport.service import METHOD, SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from support.gateway.commands import Home, Running
    from support.gateway.small import SmallGateway

P, S = "openai/gpt-4o", "anthropic/claude-3-5-sonnet"
REQUEST = [
    request_headers((":method", "POST"), (":path", "/v1/chat/completions"), ("content-type", "application/json")),
    request_body(b'{"model": "openai/gpt-4o", "messages": []}'),
]
TOO_MANY = response_headers(429, ("retry-after", "60"))


@pytest.fixture
def pair(home: Home, gateway: SmallGateway) -> SmallGateway:
    """Return a configuration with two models, the second a fallback of the first, and two workers."""
    table = yaml.safe_load(gateway.config.read_text())
    (p,) = table["model_providers"]
    p["retry_policy"] = {"fallback_models": [S], "retry_after_handling": {"scope": "model"}}
    table["model_providers"].append({**p, "model": S, "base_url": "http://127.0.0.1:10"})
    table["sidecar"] = {"workers": 2, "listen": f"unix:{home.directory}/x.sock"}
    gateway.config.write_text(yaml.safe_dump(table))
    return gateway


@contextmanager
def serving(home: Home, gateway: SmallGateway) -> Iterator[tuple[Running, list[str]]]:
    """Keep a sidecar with two workers up; return it and their addresses."""
    with home.running("serve", gateway.config, until="ready") as sidecar:
        yield sidecar, [f"unix:{home.directory}/x.{number}.sock" for number in range(2)]


def health(address: str) -> str:
    """Return what the worker at *address* says of itself, or that nobody answers."""
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        except grpc.RpcError:
            return "nobody"
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def opened(channel: grpc.Channel, messages: Iterator[pb.ProcessingRequest]) -> Iterator[pb.ProcessingResponse]:
    """Return the answers to *messages* about one attempt, as they come."""
    method: grpc.StreamStreamMultiCallable[pb.ProcessingRequest, pb.ProcessingResponse] = channel.stream_stream(
        f"/{SERVICE}/{METHOD}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=pb.ProcessingResponse.FromString,
    )
    return method(messages, timeout=10)


def answers(address: str, messages: Sequence[pb.ProcessingRequest]) -> list[pb.ProcessingResponse]:
    """Return what the worker at *address* says to *messages* about one attempt."""
    with grpc.insecure_channel(address) as channel:
        return list(opened(channel, iter(messages)))


def chosen(address: str) -> bytes:
    """Return the cluster to which the worker at *address* sends a request for P."""
    body = answers(address, REQUEST)[-1].request_body
    return mutations(body.response.header_mutation)[names.CLUSTER]


def test_each_worker_has_a_socket_of_its_own_and_is_ready_before_it_is_reported(home: Home, pair: SmallGateway) -> None:
    """A socket is for its owner alone; told to stop, all go and take their sockets with them."""
    with serving(home, pair) as (sidecar, addresses):
        assert [health(address) for address in addresses] == ["SERVING"] * 2
        sockets = sorted(home.directory.glob("*.sock"))
        assert [(path.name, oct(path.stat().st_mode & 0o777)) for path in sockets] == [
            ("x.0.sock", "0o600"),
            ("x.1.sock", "0o600"),
        ]

        assert sidecar.stop(signal.SIGTERM) == 0
        assert list(home.directory.glob("*.sock")) == []


def test_a_single_worker_listens_at_the_configured_address(home: Home, pair: SmallGateway) -> None:
    address = f"unix:{home.directory}/alone.sock"
    with home.running("serve", pair.config, "--workers", "1", "--listen", address, until="ready"):
        assert health(address) == "SERVING"


def test_what_one_worker_learns_all_know_within_50_milliseconds(home: Home, pair: SmallGateway) -> None:
    """The second sends nobody to a provider that has told the first to wait."""
    with serving(home, pair) as (_, addresses):
        assert [chosen(address) for address in addresses] == [chosen(addresses[0])] * 2
        before = chosen(addresses[1])
        answers(addresses[0], [*REQUEST, TOO_MANY])
        time.sleep(0.05)  # the promise itself, not a wait for something

        assert chosen(addresses[1]) != before


def test_a_worker_that_comes_back_knows_what_the_others_know(home: Home, pair: SmallGateway) -> None:
    """Killed right after it has learned something, it has told it; its successor is told before it serves."""
    with serving(home, pair) as (_, addresses):
        before = chosen(addresses[0])
        answers(addresses[0], [*REQUEST, TOO_MANY])
        killed = home.all_of("extproc-worker")
        assert len(killed) == 2
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        eventually_sync(lambda: not {*killed} & {*home.all_of("extproc-worker")}, what=lambda: "the end of both")
        eventually_sync(lambda: [*map(health, addresses)] == ["SERVING"] * 2, what=lambda: "two new ones")

        assert [chosen(address) != before for address in addresses] == [True, True]


def test_a_worker_that_dies_is_replaced_while_the_others_serve(home: Home, pair: SmallGateway) -> None:
    with serving(home, pair) as (sidecar, addresses):
        first, second = home.all_of("extproc-worker")
        os.kill(first, signal.SIGKILL)
        eventually_sync(lambda: "worker_serving worker=0" in sidecar.output, what=lambda: sidecar.output)

        assert [health(address) for address in addresses] == ["SERVING"] * 2
        assert second in home.all_of("extproc-worker")
        assert "WARNING worker_ended worker=0 how=SIGKILL" in sidecar.output


def test_a_worker_that_hangs_is_replaced(home: Home, pair: SmallGateway) -> None:
    """It keeps its socket open and says nothing: that tells, and the other one serves on meanwhile."""
    with serving(home, pair) as (sidecar, addresses):
        first, second = home.all_of("extproc-worker")
        os.kill(first, signal.SIGSTOP)
        eventually_sync(lambda: "worker_serving worker=0" in sidecar.output, what=lambda: sidecar.output)

        assert [health(address) for address in addresses] == ["SERVING"] * 2
        assert second in home.all_of("extproc-worker")
        assert "WARNING worker_hung worker=0 silent_ms=" in sidecar.output
        assert sidecar.output.count("worker_hung") == 1
        assert "WARNING worker_ended worker=0 how=SIGKILL restart_in_ms=" in sidecar.output


def test_a_worker_that_cannot_begin_ends_all_with_its_reason(home: Home, pair: SmallGateway) -> None:
    """Trying for ever would hide it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{home.directory}/x.1.sock")
        listener.listen()
        done = home.run("serve", pair.config)

    address = f"unix:{home.directory}/x.1.sock"
    assert (done.code, done.err.splitlines()[-1]) == (1, f"Error: {address}: another process is listening there")


def test_a_replacement_that_cannot_begin_is_tried_again(home: Home, pair: SmallGateway) -> None:
    """Its place may be free again in a moment, and meanwhile there are others."""
    with serving(home, pair) as (sidecar, addresses):
        path = home.directory / "x.0.sock"
        os.kill(home.all_of("extproc-worker")[0], signal.SIGSTOP)
        path.unlink()
        path.mkdir()
        os.kill(home.all_of("extproc-worker")[0], signal.SIGKILL)
        eventually_sync(lambda: sidecar.output.count("not a socket") >= 2, what=lambda: sidecar.output)
        path.rmdir()
        eventually_sync(lambda: health(addresses[0]) == "SERVING", what=lambda: sidecar.output)


def test_killed_the_sidecar_takes_its_workers_with_it(home: Home, pair: SmallGateway) -> None:
    """Otherwise they would serve on with what they knew last, and nobody would end them."""
    with serving(home, pair) as (sidecar, _):
        sidecar.process.kill()
        home.assert_nothing_is_left()


def test_a_second_stop_request_stops_at_once(home: Home, pair: SmallGateway) -> None:
    """An attempt in flight would have kept it."""
    with serving(home, pair) as (sidecar, addresses), grpc.insecure_channel(addresses[0]) as channel:
        attempt = opened(channel, _slowly(REQUEST))
        next(attempt)
        sidecar.process.send_signal(signal.SIGTERM)
        eventually_sync(lambda: "stopping" in sidecar.output, what=lambda: sidecar.output)
        assert sidecar.process.poll() is None

        assert sidecar.stop(signal.SIGTERM) == 130


def _slowly(messages: Sequence[pb.ProcessingRequest]) -> Iterator[pb.ProcessingRequest]:
    """Yield *messages* and stay: Envoy keeps a stream open until the response has ended."""
    yield from messages
    time.sleep(5)
