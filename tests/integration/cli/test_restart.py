"""`restart`: a new Envoy in the place of the old one, and what happens when there is none to be had."""

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
"""What keeps an Envoy from serving once it has taken over the admin endpoint: it waits for what never comes."""

FAULTS = {
    "check": 'case "$*" in *validate*) echo "no such authority" >&2; exit 1;; esac',
    "start": 'case "$*" in *--restart-epoch*) exit 7;; esac',
    "silence": 'case "$*" in *--restart-epoch*) exec sleep 600;; esac',
    "another kind": 'case "$*" in *--hot-restart-version*) echo 12.104; exit;; esac',
    "too late": f'case "$*" in *--restart-epoch*) exec {envoy_path()} "$@" --config-yaml \'{NEVER_READY}\';; esac',
}
"""What becomes of a new Envoy, as lines of a shell script that stands for it."""


class Moody:
    """An Envoy that can be given faults while another one of it runs."""

    def __init__(self, home: Home) -> None:
        self.path = home.directory / "envoy"
        self._fault = home.directory / "fault"
        self.heal()
        self.path.write_text(f'#!/bin/sh\n[ "$1" = --version ] || . {self._fault}\nexec {envoy_path()} "$@"\n')
        self.path.chmod(0o755)

    def ail(self, fault: str) -> None:
        """Have *fault* from now on."""
        self._fault.write_text(FAULTS[fault])

    def heal(self) -> None:
        """Have no fault any more."""
        self._fault.write_text("")


@pytest.fixture
def envoy(home: Home) -> Moody:
    """Return an Envoy without a fault."""
    return Moody(home)


@pytest.fixture
def up(home: Home, gateway: SmallGateway, envoy: Moody) -> Iterator[Running]:
    """Run a gateway, with little patience for new Envoys."""
    with home.running("up", gateway.config, "--envoy-binary", envoy.path, "--timeout", "8", until=UP) as up:
        yield up
    assert up.process.returncode == 0, up.output


@contextmanager
def slow_provider(home: Home, gateway: SmallGateway) -> Iterator[Running]:
    """Run a provider that takes its time, and have the file of *gateway* name it."""
    with home.running("mock", "--script", "200(delay=4)", until="listening on") as mock:
        url = mock.output.split()[-1]
        write_config(home.directory, gateway.config.name, port=gateway.port, provider=url)
        yield mock


@contextmanager
def a_request(gateway: SmallGateway, provider: Running) -> Iterator[list[int]]:
    """Have a request in flight while the context lasts; its status is in the list afterwards."""
    answers: list[int] = []
    arrived = provider.output.count("POST")
    client = threading.Thread(target=lambda: answers.append(gateway.chat()[0]))
    client.start()
    try:
        eventually_sync(lambda: provider.output.count("POST") > arrived, what=lambda: provider.output)
        yield answers
    finally:
        client.join()


def epoch(gateway: SmallGateway) -> int:
    """Return which one in a row of Envoys answers at the admin endpoint."""
    told = json.loads(gateway.ask_admin("/server_info"))
    return int(told["command_line_options"]["restart_epoch"])


def envoys(home: Home) -> list[int]:
    """Return the process ids of all Envoys of *home* that run, the oldest first."""
    return home.all_of("--restart-epoch")


def regions(home: Home) -> list[Path]:
    """Return the shared memory of the gateways of *home*."""
    identities = [int(file.read_text()) for file in home.directory.glob("extproc-*/base-id")]
    return [SHARED_MEMORY / f"envoy_shared_memory_{identity * 10}" for identity in identities]


@pytest.mark.usefixtures("up")
def test_a_new_envoy_takes_the_place_of_the_old_one(home: Home, gateway: SmallGateway) -> None:
    """When the command returns the new one serves, and the old one goes when it is done."""
    (old,) = envoys(home)

    for number in (1, 2, 3, 4):  # from the fourth on, names are used again
        done = home.run("restart", gateway.config)
        assert (done.code, done.err.splitlines()[-1]) == (
            0,
            "a new Envoy serves; the one before finishes what it has begun.",
        )
        assert epoch(gateway) == number
        assert gateway.chat()[0] == 502  # nobody is behind it, but somebody has asked

    eventually_sync(lambda: len(envoys(home)) == 1, what=lambda: f"only one of {home.processes}")
    assert old not in envoys(home)


def test_an_admin_endpoint_with_a_port_goes_over_too(home: Home, gateway: SmallGateway) -> None:
    """Whoever wants one may name it, and is told who can come in; `doctor` says it, too."""
    with reserved_ports(1) as (port,):
        table = yaml.safe_load(gateway.config.read_text())
        table["envoy"] = {"admin": f"127.0.0.1:{port}"}
        gateway.config.write_text(yaml.safe_dump(table))
        with home.running("up", gateway.config, until=UP) as up:
            assert "WARNING configuration place=envoy.admin" in up.output
            assert home.run("restart", gateway.config).code == 0

            told = httpx.get(f"http://127.0.0.1:{port}/server_info", timeout=DEADLINE).json()
            assert told["command_line_options"]["restart_epoch"] == 1
            assert "[admin-exposed]" in home.run("doctor", gateway.config).out


@pytest.mark.usefixtures("up")
def test_the_sidecar_stays_as_it_is(home: Home) -> None:
    """What it knows of blocked providers outlives Envoy."""
    before = home.all_of("extproc-sidecar"), home.all_of("extproc-worker")

    assert home.run("restart").code == 0  # the only one need not be named

    assert before == (home.all_of("extproc-sidecar"), home.all_of("extproc-worker"))


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("check", "a new Envoy would not start: no such authority"),
        ("start", "the new Envoy exited with code 7."),
        ("silence", "a new Envoy does not serve after 8 s."),
        ("another kind", "cannot take over from the one that serves (hot restart version 12.104, that has 11.104)"),
    ],
)
@pytest.mark.usefixtures("up")
def test_when_the_new_one_does_not_start_the_old_one_stays(
    home: Home, gateway: SmallGateway, envoy: Moody, fault: str, why: str
) -> None:
    """With the reason, and exit code 1; once it is mended, the next restart succeeds."""
    (old,) = envoys(home)
    envoy.ail(fault)

    refused = home.run("restart", gateway.config)

    assert refused.code == 1
    assert why in refused.err
    assert envoys(home) == [old]
    assert gateway.chat()[0] == 502

    envoy.heal()
    assert home.run("restart", gateway.config).code == 0
    assert epoch(gateway) == 1
    assert gateway.chat()[0] == 502


def test_one_that_dies_while_starting_may_be_the_last(
    home: Home, gateway: SmallGateway, envoy: Moody, up: Running
) -> None:
    """Envoy never takes back that one is starting: the old one serves on, and each try is told what helps."""
    (old,) = envoys(home)
    envoy.ail("too late")
    first = home.run("restart", gateway.config)
    envoy.heal()
    second = home.run("restart", gateway.config)

    assert (first.code, second.code) == (1, 1)
    assert f"It has taken unix:{gateway.admin} with it." in first.err
    assert "`extproc down` and `extproc up` help." in second.err
    assert "still initializing" in up.output
    assert envoys(home) == [old]
    assert gateway.chat()[0] == 502


def test_without_its_admin_endpoint_the_old_one_still_finishes_what_it_has_begun(
    home: Home, gateway: SmallGateway, envoy: Moody
) -> None:
    """It is asked by connections that it has accepted before a new one has taken the port over."""
    with (
        slow_provider(home, gateway) as provider,
        home.running("up", gateway.config, "--envoy-binary", envoy.path, "--timeout", "8", until=UP) as up,
    ):
        envoy.ail("too late")
        assert home.run("restart", gateway.config).code == 1
        with a_request(gateway, provider) as answers:
            up.process.send_signal(signal.SIGTERM)
            eventually_sync(gateway.refuses, what=lambda: "a refused connection")
            assert up.wait() == 0
        assert answers == [200]


def test_a_restart_waits_for_the_envoy_before(home: Home, gateway: SmallGateway) -> None:
    """Otherwise it would end that one's requests: there is room for two."""
    with (
        slow_provider(home, gateway) as provider,
        home.running("up", gateway.config, until=UP),
        a_request(gateway, provider) as answers,
    ):
        assert home.run("restart", gateway.config).code == 0
        again = home.run("restart", gateway.config)
        assert again.code == 0
        assert "waiting: the Envoy before the one that serves still answers 1 request(s)." in again.err
    assert answers == [200]


def test_both_finish_what_they_have_begun_when_told_to_stop(home: Home, gateway: SmallGateway) -> None:
    """A stop that comes soon after a restart concerns two Envoys."""
    with slow_provider(home, gateway) as provider, home.running("up", gateway.config, until=UP) as up:
        with a_request(gateway, provider) as of_the_old:
            assert home.run("restart", gateway.config).code == 0
            with a_request(gateway, provider) as of_the_new:
                up.process.send_signal(signal.SIGTERM)
                eventually_sync(gateway.refuses, what=lambda: "a refused connection")
                assert up.wait() == 0
        assert (of_the_old, of_the_new) == ([200], [200])


def test_the_demo_has_a_new_envoy_at_the_signal(home: Home) -> None:
    """Nobody finds it by a file, but it is the same gateway; its last Envoy ends without a word."""
    with home.running("demo", until="Ctrl-C ends it") as demo:
        demo.process.send_signal(signal.SIGUSR1)
        eventually_sync(lambda: "the Envoy before is gone" in demo.output, what=lambda: demo.output)

        assert demo.stop() == 0
    assert "the new Envoy serves" in demo.output
    assert "[envoy error]" not in demo.output


def test_only_the_one_that_is_named_is_restarted(home: Home, gateway: SmallGateway, other: SmallGateway) -> None:
    """Each gateway has an identity of its own."""
    with home.running("up", gateway.config, until=UP), home.running("up", other.config, until=UP):
        assert home.run("restart", other.config).code == 0

        assert (epoch(gateway), epoch(other)) == (0, 1)
        assert gateway.chat()[0] == other.chat()[0] == 502


def test_the_death_of_the_old_one_is_not_the_end(home: Home, gateway: SmallGateway) -> None:
    """The new one would abort at the next restart, when it says good-bye to nobody."""
    with (
        slow_provider(home, gateway) as provider,
        home.running("up", gateway.config, until=UP) as up,
        a_request(gateway, provider) as answers,
    ):
        (old,) = envoys(home)
        assert home.run("restart", gateway.config).code == 0
        os.kill(old, signal.SIGKILL)
        lost = "was killed by SIGKILL: what it still answered is lost"
        eventually_sync(lambda: lost in up.output, what=lambda: up.output)

        assert home.run("restart", gateway.config).code == 0
        assert gateway.chat()[0] == 200
    assert answers == [0]


def test_ctrl_c_comes_before_a_restart(home: Home, gateway: SmallGateway, envoy: Moody) -> None:
    """What has been asked for then never comes, and who has asked is told."""
    with home.running("up", gateway.config, "--envoy-binary", envoy.path, until=UP) as up:
        envoy.ail("silence")
        asked: list[Finished] = []
        operator = threading.Thread(target=lambda: asked.append(home.run("restart", gateway.config)))
        operator.start()
        eventually_sync(lambda: "starting a new Envoy …" in up.output, what=lambda: up.output)

        assert up.stop(signal.SIGINT) == 0
        operator.join()
    assert asked[0].code == 1
    assert "Envoy is not replaced" in asked[0].err


def test_nothing_that_runs_is_an_error(home: Home, gateway: SmallGateway) -> None:
    """Who asked for a new Envoy has none."""
    done = home.run("restart", gateway.config)

    assert (done.code, done.err) == (
        1,
        f"Error: nothing to restart: no `extproc up` is running for {gateway.config}.\n",
    )
    assert home.run("restart").code == 1
    assert home.run("restart", "gatewy.yaml").code == 3


def test_nothing_is_left_in_shared_memory(home: Home, gateway: SmallGateway) -> None:
    """Envoy leaves its region there when it ends; killed at once with `up`, the next start clears it away."""
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
    """Only who asks is told."""
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
