"""What a container's probe asks."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import grpc
import pytest
import pytest_asyncio
import yaml
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from support.gateway.commands import invoke

from extproc.addresses import UnixAddress
from extproc.transport.probe import why_not_serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.gateway.commands import Home
    from support.gateway.small import SmallGateway


@pytest.fixture
def sockets(home: Home, gateway: SmallGateway) -> list[str]:
    """Return where the two workers of the gateway listen."""
    table = yaml.safe_load(gateway.config.read_text())
    table["sidecar"] = {"workers": 2, "listen": f"unix:{home.directory}/x.sock"}
    gateway.config.write_text(yaml.safe_dump(table))
    return [f"unix:{home.directory}/x.{number}.sock" for number in range(2)]


@pytest_asyncio.fixture
async def leaving(tmp_path: Path) -> AsyncIterator[UnixAddress]:
    """Run a server that is about to go; return its address."""
    address = UnixAddress(tmp_path / "leaving.sock")
    servicer = health.aio.HealthServicer()
    await servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(str(address))
    await server.start()
    yield address
    await server.stop(None)


def test_a_sidecar_is_ready_when_all_its_workers_serve(home: Home, gateway: SmallGateway, sockets: list[str]) -> None:
    with home.running("serve", gateway.config, until="ready"):
        done = home.run("ready", gateway.config)

    assert (done.code, done.out, done.err) == (0, f"serving: {', '.join(sockets)}\n", "")


def test_a_sidecar_that_is_not_there_is_not_ready(gateway: SmallGateway, sockets: list[str]) -> None:
    done = invoke("ready", gateway.config)

    assert done.code == 1
    assert done.err.startswith("Error: 2 of 2 workers do not serve: ")
    assert all(f"{address}: no response: UNAVAILABLE" in done.err for address in sockets)


def test_a_hung_worker_is_distinguished(home: Home, gateway: SmallGateway, sockets: list[str]) -> None:
    """One of two that serve is not a whole sidecar, and one that never answers keeps no probe waiting."""
    with home.running("serve", gateway.config, until="ready"):
        (sidecar,) = home.all_of("extproc-sidecar")
        hanging, _ = home.all_of("extproc-worker")
        os.kill(sidecar, signal.SIGSTOP)  # or it would replace the worker
        os.kill(hanging, signal.SIGSTOP)
        done = home.run("ready", gateway.config, "--timeout", "0.5")
        os.kill(hanging, signal.SIGKILL)
        os.kill(sidecar, signal.SIGCONT)

    assert done.code == 1
    assert done.err == f"Error: 1 of 2 workers do not serve: {sockets[0]}: no response: DEADLINE_EXCEEDED\n"


@pytest.mark.asyncio
async def test_a_draining_server_is_not_serving(leaving: UnixAddress) -> None:
    assert await asyncio.to_thread(why_not_serving, leaving, seconds=5) == "its health is NOT_SERVING"
