"""`restart`: a hot restart of Envoy, and its failures."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml
from support.envoy.process import envoy_path
from support.gateway.small import SmallGateway, write_config
from support.ports import reserved_ports
from support.waiting import DEADLINE, eventually_sync

from extproc.gateway.envoy_options import SHARED_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.gateway.commands import Finished, Home, Running

UP = "Ctrl-C stops it."

NEVER_READY = json.dumps(
    {
        "node": {"id": "x", "cluster": "x"},
        "layered_runtime": {
            "layers": [
                {
                    "name": "from_nobody",
                    "rtds_layer": {
                        "name": "from_nobody",
                        "rtds_config": {
                            "initial_fetch_timeout": "0s",
                            "resource_api_version": "V3",
                            "api_config_source": {
                                "api_type": "GRPC",
                                "transport_api_version": "V3",
                                "grpc_services": [{"envoy_grpc": {"cluster_name": "extproc"}}],
                            },
                        },
                    },
                }
            ]
        },
    }
)
"""Configuration of an Envoy that takes over the admin endpoint and never becomes live: it waits for an RTDS update."""

FAULTS = {
    "check": 'case "$*" in *validate*) echo "no such authority" >&2; exit 1;; esac',
    "start": 'case "$*" in *--restart-epoch*) exit 7;; esac',
    "silence": 'case "$*" in *--restart-epoch*) exec sleep 600;; esac',
    "another kind": 'case "$*" in *--hot-restart-version*) echo 12.104; exit;; esac',
    "too late": f'case "$*" in *--restart-epoch*) exec {envoy_path()} "$@" --config-yaml \'{NEVER_READY}\';; esac',
}
"""Faults of a new Envoy, as lines of the wrapper script that starts it."""


class FaultyEnvoy:
    """A wrapper of Envoy whose faults can be changed while an Envoy runs."""

    def __init__(self, home: Home) -> None:
        self.path = home.directory / "envoy"
        self._fault = home.directory / "fault"
        self.heal()
        self.path.write_text(f'#!/bin/sh\n[ "$1" = --version ] || . {self._fault}\nexec {envoy_path()} "$@"\n')
        self.path.chmod(0o755)

    def inject(self, fault: str) -> None:
        """Start with *fault* from now on."""
        self._fault.write_text(FAULTS[fault])

    def heal(self) -> None:
        """Start without a fault from now on."""
        self._fault.write_text("")


@pytest.fixture
def envoy(home: Home) -> FaultyEnvoy:
    """Return an Envoy without a fault."""
    return FaultyEnvoy(home)


@pytest.fixture
def up(home: Home, gateway: SmallGateway, envoy: FaultyEnvoy) -> Iterator[Running]:
    """Run a gateway, with a short timeout for new Envoys."""
    with home.running("up", gateway.config, "--envoy-binary", envoy.path, "--timeout", "8", until=UP) as up:
        yield up
    assert up.process.returncode == 0, up.output


@contextmanager
def slow_provider(home: Home, gateway: SmallGateway) -> Iterator[Running]:
    """Run a slow mock provider, and configure *gateway* with it."""
    with home.running("mock", "--script", "200(delay=4)", until="listening on") as mock:
        url = mock.output.split()[-1]
        write_config(home.directory, gateway.config.name, port=gateway.port, provider=url)
        yield mock


@contextmanager
def a_request(gateway: SmallGateway, provider: Running) -> Iterator[list[int]]:
    """Keep a request in flight while the context lasts; its status is in the list afterwards."""
    statuses: list[int] = []
    arrived = provider.output.count("POST")
    client = threading.Thread(target=lambda: statuses.append(gateway.chat()[0]))
    client.start()
    try:
        eventually_sync(lambda: provider.output.count("POST") > arrived, what=lambda: provider.output)
        yield statuses
    finally:
        client.join()


def epoch(gateway: SmallGateway) -> int:
    """Return the restart epoch of the Envoy that responds at the admin endpoint."""
    info = json.loads(gateway.ask_admin("/server_info"))
    return int(info["command_line_options"]["restart_epoch"])


def envoys(home: Home) -> list[int]:
    """Return the process ids of all Envoys of *home* that run, the oldest first."""
    return home.all_of("--restart-epoch")


def regions(home: Home) -> list[Path]:
    """Return the shared memory of the gateways of *home*."""
    identities = [int(file.read_text()) for file in home.directory.glob("extproc-*/base-id")]
    return [SHARED_MEMORY / f"envoy_shared_memory_{identity * 10}" for identity in identities]


@pytest.mark.usefixtures("up")
def test_a_new_envoy_replaces_the_old_one(home: Home, gateway: SmallGateway) -> None:
    """When the command returns the new one is live; the old one exits when it has drained."""
    (old,) = envoys(home)

    for number in (1, 2, 3, 4):  # from the fourth on, Envoy reuses its socket names
        done = home.run("restart", gateway.config)
        assert (done.code, done.err.splitlines()[-1]) == (
            0,
            "the new Envoy is live; the parent process is draining.",
        )
        assert epoch(gateway) == number
        assert gateway.chat()[0] == 502  # no provider is listening, but the request was served

    eventually_sync(lambda: len(envoys(home)) == 1, what=lambda: f"only one of {home.processes}")
    assert old not in envoys(home)


def test_an_admin_endpoint_on_a_port_is_taken_over_too(home: Home, gateway: SmallGateway) -> None:
    """A port may be configured; a warning says who can connect, and `doctor` reports it, too."""
    with reserved_ports(1) as (port,):
        table = yaml.safe_load(gateway.config.read_text())
        table["envoy"] = {"admin": f"127.0.0.1:{port}"}
        gateway.config.write_text(yaml.safe_dump(table))
        with home.running("up", gateway.config, until=UP) as up:
            assert "WARNING configuration place=envoy.admin" in up.output
            assert home.run("restart", gateway.config).code == 0

            info = httpx.get(f"http://127.0.0.1:{port}/server_info", timeout=DEADLINE).json()
            assert info["command_line_options"]["restart_epoch"] == 1
            assert "[admin-exposed]" in home.run("doctor", gateway.config).out


@pytest.mark.usefixtures("up")
def test_the_sidecar_is_not_restarted(home: Home) -> None:
    """Its blocks outlive Envoy."""
    before = home.all_of("extproc-sidecar"), home.all_of("extproc-worker")

    assert home.run("restart").code == 0  # the only one need not be named

    assert before == (home.all_of("extproc-sidecar"), home.all_of("extproc-worker"))


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("check", "the new Envoy would not start: no such authority"),
        ("start", "the new Envoy exited with code 7."),
        ("silence", "the new Envoy is not live after 8 s."),
        ("another kind", "(hot restart version 12.104) cannot take over from the running one (11.104)"),
    ],
)
@pytest.mark.usefixtures("up")
def test_if_the_new_one_does_not_start_the_old_one_keeps_serving(
    home: Home, gateway: SmallGateway, envoy: FaultyEnvoy, fault: str, why: str
) -> None:
    """With the reason, and exit code 1; once it is fixed, the next restart succeeds."""
    (old,) = envoys(home)
    envoy.inject(fault)

    refused = home.run("restart", gateway.config)

    assert refused.code == 1
    assert why in refused.err
    assert envoys(home) == [old]
    assert gateway.chat()[0] == 502

    envoy.heal()
    assert home.run("restart", gateway.config).code == 0
    assert epoch(gateway) == 1
    assert gateway.chat()[0] == 502


def test_after_a_child_that_died_while_initializing_no_restart_may_succeed(
    home: Home, gateway: SmallGateway, envoy: FaultyEnvoy, up: Running
) -> None:
    """Envoy never clears the flag in shared memory: the old one keeps serving, and the error has the remedy."""
    (old,) = envoys(home)
    envoy.inject("too late")
    first = home.run("restart", gateway.config)
    envoy.heal()
    second = home.run("restart", gateway.config)

    assert (first.code, second.code) == (1, 1)
    assert f"Its parent lost the admin endpoint unix:{gateway.admin} to it." in first.err
    assert "If this persists, run `extproc down` and `extproc up`." in second.err
    assert "still initializing" in up.output
    assert envoys(home) == [old]
    assert gateway.chat()[0] == 502


def test_without_its_admin_endpoint_the_old_one_still_drains(
    home: Home, gateway: SmallGateway, envoy: FaultyEnvoy
) -> None:
    """It is reached by connections that it accepted before the child took over the address."""
    with (
        slow_provider(home, gateway) as provider,
        home.running("up", gateway.config, "--envoy-binary", envoy.path, "--timeout", "8", until=UP) as up,
    ):
        envoy.inject("too late")
        assert home.run("restart", gateway.config).code == 1
        with a_request(gateway, provider) as statuses:
            up.process.send_signal(signal.SIGTERM)
            eventually_sync(gateway.refuses, what=lambda: "a refused connection")
            assert up.wait() == 0
        assert statuses == [200]


def test_a_restart_waits_for_the_parent_of_the_last_one(home: Home, gateway: SmallGateway) -> None:
    """Otherwise its requests would be aborted: Envoy allows two processes at a time."""
    with (
        slow_provider(home, gateway) as provider,
        home.running("up", gateway.config, until=UP),
        a_request(gateway, provider) as statuses,
    ):
        assert home.run("restart", gateway.config).code == 0
        again = home.run("restart", gateway.config)
        assert again.code == 0
        assert "waiting: the parent process of the last restart has 1 request(s) in flight." in again.err
    assert statuses == [200]


def test_both_processes_drain_at_a_stop(home: Home, gateway: SmallGateway) -> None:
    """A stop soon after a restart concerns parent and child."""
    with slow_provider(home, gateway) as provider, home.running("up", gateway.config, until=UP) as up:
        with a_request(gateway, provider) as of_the_old:
            assert home.run("restart", gateway.config).code == 0
            with a_request(gateway, provider) as of_the_new:
                up.process.send_signal(signal.SIGTERM)
                eventually_sync(gateway.refuses, what=lambda: "a refused connection")
                assert up.wait() == 0
        assert (of_the_old, of_the_new) == ([200], [200])


def test_the_demo_restarts_envoy_at_the_signal(home: Home) -> None:
    """It is not in the registry, but the same gateway; its last Envoy logs no error."""
    with home.running("demo", until="Ctrl-C stops it") as demo:
        demo.process.send_signal(signal.SIGUSR1)
        eventually_sync(lambda: "the parent Envoy exited" in demo.output, what=lambda: demo.output)

        assert demo.stop() == 0
    assert "the new Envoy is live" in demo.output
    assert "[envoy error]" not in demo.output


def test_only_the_one_that_is_named_is_restarted(home: Home, gateway: SmallGateway, other: SmallGateway) -> None:
    """Each gateway has an identity of its own."""
    with home.running("up", gateway.config, until=UP), home.running("up", other.config, until=UP):
        assert home.run("restart", other.config).code == 0

        assert (epoch(gateway), epoch(other)) == (0, 1)
        assert gateway.chat()[0] == other.chat()[0] == 502


def test_the_death_of_the_parent_does_not_stop_the_gateway(home: Home, gateway: SmallGateway) -> None:
    """Without a receiver of its shutdown message the child would abort at the next restart."""
    with (
        slow_provider(home, gateway) as provider,
        home.running("up", gateway.config, until=UP) as up,
        a_request(gateway, provider) as statuses,
    ):
        (old,) = envoys(home)
        assert home.run("restart", gateway.config).code == 0
        os.kill(old, signal.SIGKILL)
        lost = "was killed by SIGKILL: its requests in flight are lost"
        eventually_sync(lambda: lost in up.output, what=lambda: up.output)

        assert home.run("restart", gateway.config).code == 0
        assert gateway.chat()[0] == 200
    assert statuses == [0]


def test_ctrl_c_takes_precedence_over_a_restart(home: Home, gateway: SmallGateway, envoy: FaultyEnvoy) -> None:
    """The restart is abandoned, and its caller gets an error."""
    with home.running("up", gateway.config, "--envoy-binary", envoy.path, until=UP) as up:
        envoy.inject("silence")
        results: list[Finished] = []
        operator = threading.Thread(target=lambda: results.append(home.run("restart", gateway.config)))
        operator.start()
        eventually_sync(lambda: "starting a new Envoy …" in up.output, what=lambda: up.output)

        assert up.stop(signal.SIGINT) == 0
        operator.join()
    assert results[0].code == 1
    assert "Envoy was not restarted" in results[0].err


def test_without_a_running_gateway_it_is_an_error(home: Home, gateway: SmallGateway) -> None:
    """No Envoy was restarted."""
    done = home.run("restart", gateway.config)

    assert (done.code, done.err) == (
        1,
        f"Error: nothing to restart: no `extproc up` is running for {gateway.config}.\n",
    )
    assert home.run("restart").code == 1
    assert home.run("restart", "gatewy.yaml").code == 3


def test_no_shared_memory_is_left(home: Home, gateway: SmallGateway) -> None:
    """Envoy does not remove its region; if `up` is killed, the next start does."""
    with home.running("up", gateway.config, until=UP) as up:
        (region,) = regions(home)
        assert region.exists()
        up.process.kill()
        eventually_sync(lambda: not home.processes, what=lambda: f"end of {home.processes}")
    with home.running("up", gateway.config, until=UP):
        assert not region.exists()
        (region,) = regions(home)
        assert home.run("restart", gateway.config).code == 0
    assert not region.exists()


def test_without_shared_memory_it_serves_and_cannot_be_restarted(home: Home, gateway: SmallGateway) -> None:
    """Only `restart` reports it."""
    hidden = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    hide = "mount -t tmpfs -o ro none /dev/shm"
    if shutil.which("unshare") is None or subprocess.run([*hidden, hide], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace of our own can be had here")
    with home.running("up", gateway.config, until=UP, through=[*hidden, f'{hide} && exec "$0" "$@"']) as up:
        assert "shared memory" not in up.output
        assert gateway.chat()[0] == 502

        refused = home.run("restart", gateway.config)

        assert refused.code == 1
        assert "shared memory cannot be used: /dev/shm: Read-only file system" in refused.err
        assert gateway.chat()[0] == 502
