"""`up` as its user sees it, with a real Envoy."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

import pytest
import yaml
from support.gateway.small import KEY, SmallGateway, write_config
from support.waiting import eventually_sync

if TYPE_CHECKING:
    from pathlib import Path

    from support.gateway.commands import Home

UP = "Ctrl-C stops it."


def an_envoy(home: Home, does: str, version: str = "1.40.0") -> Path:
    """Return a program that tells an Envoy's version, and otherwise does *does*."""
    path = home.directory / "envoy"
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "envoy version: x/{version}/Clean" && exit\n{does}\n')
    path.chmod(0o755)
    return path


def test_it_prints_the_base_urls_and_stops_cleanly_at_ctrl_c(home: Home, gateway: SmallGateway) -> None:
    """It prints the base URLs for both SDKs; Ctrl-C is the ordinary way to stop it, so the exit code is 0."""
    with home.running("up", gateway.config, until=UP) as up:
        assert f"OpenAI SDKs     base_url=http://127.0.0.1:{gateway.port}/v1\n" in up.output
        assert f"Anthropic SDKs  base_url=http://127.0.0.1:{gateway.port}\n" in up.output
        assert gateway.chat()[0] == 502  # nobody is behind it, but somebody has asked

        assert up.stop(signal.SIGINT) == 0
    assert KEY not in up.output


def test_at_a_stop_request_it_drains(home: Home, gateway: SmallGateway) -> None:
    """New connections are refused, the request in flight gets its response, and then all ends."""
    with home.running("mock", "--script", "200(delay=2)", until="listening on") as mock:
        url = mock.output.split()[-1]
        write_config(home.directory, gateway.config.name, port=gateway.port, provider=url)
        with home.running("up", gateway.config, until=UP) as up:
            answers: list[tuple[int, bytes]] = []
            client = threading.Thread(target=lambda: answers.append(gateway.chat()))
            client.start()
            eventually_sync(lambda: "POST" in mock.output, what=lambda: f"the request at the provider\n{up.output}")
            up.process.send_signal(signal.SIGTERM)
            eventually_sync(gateway.refuses, what=lambda: "a refused connection")

            assert answers == []
            assert up.wait() == 0
            client.join()
            assert [status for status, _ in answers] == [200]


def test_a_second_ctrl_c_ends_it_at_once(home: Home, gateway: SmallGateway) -> None:
    """Who does not want to wait need not; the exit code tells that requests were cut off."""
    with home.running("mock", "--script", "silence", until="listening on") as mock:
        url = mock.output.split()[-1]
        write_config(home.directory, gateway.config.name, port=gateway.port, provider=url)
        with home.running("up", gateway.config, until=UP) as up:
            client = threading.Thread(target=gateway.chat)
            client.start()
            eventually_sync(lambda: "POST" in mock.output, what=lambda: f"the request at the provider\n{up.output}")
            up.process.send_signal(signal.SIGINT)
            eventually_sync(lambda: "repeat the signal to stop at once" in up.output, what=lambda: up.output)

            assert up.stop(signal.SIGINT) == 130
            client.join()


@pytest.mark.parametrize(
    ("part", "code", "message"),
    [
        ("--restart-epoch", 5, "Envoy was killed by SIGKILL"),
        ("extproc-sidecar", 6, "the sidecar was killed by SIGKILL"),
    ],
)
def test_when_one_ends_so_does_the_other(home: Home, gateway: SmallGateway, part: str, code: int, message: str) -> None:
    """Half a gateway helps nobody; message and exit code say which half went."""
    with home.running("up", gateway.config, until=UP) as up:
        os.kill(home.process(part), signal.SIGKILL)

        assert up.wait() == code
        assert message in up.output


def test_a_worker_that_dies_is_replaced(home: Home, gateway: SmallGateway) -> None:
    """Even the only one: the edge tries again until its successor serves."""
    with home.running("up", gateway.config, until=UP) as up:
        for _ in range(3):
            os.kill(home.process("extproc-worker"), signal.SIGKILL)
            assert gateway.chat()[0] == 502  # nobody is behind it, but somebody has asked

        assert up.stop(signal.SIGINT) == 0
    assert up.output.count("worker_ended worker=0 how=SIGKILL") == 3


def test_it_starts_as_many_workers_as_configured(home: Home, gateway: SmallGateway) -> None:
    """Each is a host of Envoy's; the command line wins over the file."""
    with home.running("up", gateway.config, "--workers", "3", until=UP):
        assert len(home.all_of("extproc-worker")) == 3
        eventually_sync(
            lambda: gateway.counter("cluster.extproc.membership_healthy") == 3, what=lambda: "three healthy workers"
        )


def test_killed_it_leaves_nothing_and_can_be_started_again(home: Home, gateway: SmallGateway) -> None:
    """The kernel ends both processes; the next start clears away the directory."""
    with home.running("up", gateway.config, until=UP) as up:
        up.process.kill()
        eventually_sync(lambda: not home.processes, what=lambda: f"end of {home.processes}")
        assert len(list(home.directory.glob("extproc-*"))) == 1
    with home.running("up", gateway.config, until=UP):
        assert len(list(home.directory.glob("extproc-*"))) == 1


def test_several_gateways_run_side_by_side(home: Home, gateway: SmallGateway, other: SmallGateway) -> None:
    """Nothing is shared but the machine."""
    with home.running("up", gateway.config, until=UP), home.running("up", other.config, until=UP):
        assert gateway.chat()[0] == other.chat()[0] == 502


def test_a_port_in_use_is_reported_with_its_setting(home: Home, gateway: SmallGateway) -> None:
    """Before anything is started: Envoy itself would share the port without a word."""
    with home.running("mock", "--port", str(gateway.port), until="listening on"):
        refused = home.run("up", gateway.config)

    assert refused.code == 1
    assert refused.err == (
        f"Error: {gateway.config}: listeners[].port: cannot listen on 127.0.0.1:{gateway.port}: "
        "Address already in use\n"
    )


def test_what_is_in_the_place_of_the_admin_socket_is_left_alone(home: Home, gateway: SmallGateway) -> None:
    """Envoy itself would remove it without a word, whatever it is."""
    gateway.admin.write_text("precious")

    refused = home.run("up", gateway.config)

    assert refused.code == 1
    assert refused.err == (
        f"Error: {gateway.config}: envoy.admin: unix:{gateway.admin}: there is a file that is not a socket\n"
    )
    assert gateway.admin.read_text() == "precious"


def test_a_missing_envoy_is_reported(home: Home, gateway: SmallGateway) -> None:
    """With the path that was given."""
    refused = home.run("up", gateway.config, "--envoy-binary", "/nonexistent/envoy")

    assert refused.code == 2
    assert "/nonexistent/envoy" in refused.err


def test_an_old_envoy_is_reported(home: Home, gateway: SmallGateway) -> None:
    """It would start, and lose failovers."""
    old = an_envoy(home, "exec sleep 60", version="1.36.4")

    refused = home.run("up", gateway.config, "--envoy-binary", old)

    assert (refused.code, refused.err) == (4, f"Error: {old} is Envoy 1.36.4: 1.37 or newer is needed.\n")


def test_an_envoy_that_dies_at_start_is_reported(home: Home, gateway: SmallGateway) -> None:
    """After its own words, which say why."""
    envoy = an_envoy(home, "echo 'no such filter' >&2; exit 1")

    refused = home.run("up", gateway.config, "--envoy-binary", envoy)

    assert refused.code == 5
    assert "no such filter\nEnvoy exited with code 1" in refused.err


def test_a_gateway_that_is_not_healthy_in_time_is_ended(home: Home, gateway: SmallGateway) -> None:
    """Waiting for ever helps nobody."""
    envoy = an_envoy(home, "exec sleep 60")

    refused = home.run("up", gateway.config, "--envoy-binary", envoy, "--timeout", "1")

    assert refused.code == 1
    assert f"not healthy after 1 s: http://127.0.0.1:{gateway.port}/healthz: no response." in refused.err


def test_a_wrong_configuration_starts_nothing(home: Home, gateway: SmallGateway) -> None:
    """Every error at once, each with its place; never the key beside it."""
    gateway.config.write_text(f"version: v9\nmodel_providers: [{{model: openai/x, access_key: {KEY}, foo: 1}}]\n")

    refused = home.run("up", gateway.config)

    assert refused.code == 3
    assert refused.err.splitlines() == [
        f"Error: {gateway.config}: version: expected one of v0.1, v0.1.0, 0.1-beta, 0.2.0, v0.3.0, v0.4.0",
        f"Error: {gateway.config}: model_providers[0].foo: unknown key",
    ]


def objects(output: str) -> list[dict[str, object]]:
    """Return every line of *output*, each of which is a JSON object."""
    return [dict(json.loads(line)) for line in output.splitlines()]


def test_with_a_json_log_every_line_is_an_object(home: Home, gateway: SmallGateway) -> None:
    """Those of `up`, of the sidecar and of Envoy: they go to one place, and log collectors read lines."""
    in_json(gateway)
    with home.running("up", gateway.config, "--envoy-log-level", "info", until='"gateway_ready"') as up:
        gateway.chat()
        assert home.run("restart", gateway.config).code == 0
        eventually_sync(lambda: '"parent_envoy_exited"' in up.output, what=lambda: up.output)

        assert up.stop(signal.SIGINT) == 0
        lines = objects(up.output)

    assert {key for line in lines for key in ("time", "level", "event") if key not in line} == set()
    events = [line["event"] for line in lines]
    assert {"sidecar_starting", "envoy_starting", "ready", "attempt", "envoy_restarted", "gateway_stopping"} <= {
        *events
    }
    assert "envoy" in events
    ready = next(line for line in lines if line["event"] == "gateway_ready")
    assert ready["url"] == f"http://127.0.0.1:{gateway.port}"


def test_with_a_json_log_a_failure_is_an_object_too(home: Home, gateway: SmallGateway) -> None:
    in_json(gateway)
    with socket.create_server(("127.0.0.1", gateway.port)):
        done = home.run("up", gateway.config)

    assert done.code == 1
    (failed,) = objects(done.err)
    assert (failed["event"], failed["level"]) == ("failed", "error")
    assert str(failed["problem"]).endswith(f"cannot listen on 127.0.0.1:{gateway.port}: Address already in use")


def in_json(gateway: SmallGateway) -> None:
    config = yaml.safe_load(gateway.config.read_text())
    config.setdefault("sidecar", {})["log_format"] = "json"
    gateway.config.write_text(yaml.safe_dump(config))
