"""`doctor`: on files, and on an Envoy that runs."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml
from support.envoy.process import running_envoy
from support.gateway.commands import invoke
from support.gateway.small import KEY, write_config
from support.ports import reserved_ports
from support.waiting import DEADLINE, eventually_sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.gateway.commands import Home
    from support.gateway.small import SmallGateway

EDGE = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config"
LIMIT = f"{EDGE}.route_config.virtual_hosts[0].request_body_buffer_limit"
EXT_PROC = f"{EDGE.replace('listeners[0]', 'listeners[1]')}.http_filters[0].typed_config"
TRAILERS = "response_trailer_mode"


@pytest.fixture
def envoy(home: Home, gateway: SmallGateway) -> Path:
    """Return the file that `render` writes."""
    file = home.directory / "envoy.yaml"
    assert invoke("render", gateway.config, "-o", file).code == 0
    return file


def test_a_healthy_file_is_clean(gateway: SmallGateway, envoy: Path) -> None:
    done = invoke("doctor", gateway.config, "--envoy", envoy)

    assert (done.code, done.out, done.err) == (0, "Nothing found.\n", "")


def test_warnings_alone_are_code_1(gateway: SmallGateway, envoy: Path) -> None:
    envoy.write_text(envoy.read_text().replace(f"{TRAILERS}: SEND", f"{TRAILERS}: SKIP"))

    done = invoke("doctor", gateway.config, "--envoy", envoy)

    assert done.code == 1
    assert done.out.endswith("1 warning.\n")


def test_an_error_is_code_2(gateway: SmallGateway, envoy: Path) -> None:
    """Whatever else there is; place, problem and fix are printed."""
    text = envoy.read_text().replace(f"{TRAILERS}: SEND", f"{TRAILERS}: SKIP")
    envoy.write_text(text.replace("failure_mode_allow: true", "failure_mode_allow: false"))

    done = invoke("doctor", gateway.config, "--envoy", envoy)

    assert done.code == 2
    first, *_ = done.out.split("\n\n")
    assert first.splitlines() == [
        f"error: {EXT_PROC}.failure_mode_allow",
        "  a request whose worker dies ends with an error, instead of being given to another worker",
        "  Set failure_mode_allow to true. [failure-mode]",
    ]
    assert done.out.endswith("1 error, 1 warning.\n")


def test_scripts_read_json(gateway: SmallGateway, envoy: Path) -> None:
    """A list, empty when nothing is found."""
    assert json.loads(invoke("doctor", gateway.config, "--envoy", envoy, "--json").out) == []

    envoy.write_text(envoy.read_text().replace("failure_mode_allow: true", "failure_mode_allow: false"))
    done = invoke("doctor", gateway.config, "--envoy", envoy, "--json")

    (finding,) = json.loads(done.out)
    assert done.code == 2
    assert list(finding) == ["severity", "check", "place", "problem", "fix"]
    assert (finding["severity"], finding["check"]) == ("error", "failure-mode")


@pytest.mark.parametrize(("content", "why"), [(b"a: [", "YAML"), (b"a: 1", "static_resources"), (b"\xff", "UTF-8")])
def test_what_is_no_envoy_configuration_is_code_3(home: Home, gateway: SmallGateway, content: bytes, why: str) -> None:
    """It must not pass for one with errors."""
    file = home.directory / "envoy.yaml"
    file.write_bytes(content)

    done = invoke("doctor", gateway.config, "--envoy", file)

    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"Error: {file}: ")
    assert why in done.err


def test_a_missing_file_is_code_3(gateway: SmallGateway) -> None:
    done = invoke("doctor", gateway.config, "--envoy", "nowhere.yaml")

    assert (done.code, done.err) == (3, "Error: nowhere.yaml: No such file or directory\n")


def test_a_missing_configuration_is_code_3(envoy: Path) -> None:
    assert invoke("doctor", "nowhere.yaml", "--envoy", envoy).code == 3


def test_a_file_and_a_running_envoy_are_two_questions(gateway: SmallGateway, envoy: Path) -> None:
    done = invoke("doctor", gateway.config, "--envoy", envoy, "--admin", "127.0.0.1:9901")

    assert (done.code, done.out) == (2, "")
    assert "--envoy and --admin exclude each other" in done.err


@pytest.mark.parametrize("url", ["https://a:1", "http://a:x", "http://", "http://a:1/path", "http://u:secret@a:1"])
def test_admin_is_a_host_and_a_port(gateway: SmallGateway, url: str) -> None:
    done = invoke("doctor", gateway.config, "--admin", url)

    assert done.code == 2
    assert "expected http://host:port or unix:/path" in done.err


def test_without_a_response_of_envoy_the_code_is_4(gateway: SmallGateway) -> None:
    """Without an option it is the one that CONFIG names."""
    done = invoke("doctor", gateway.config)

    assert (done.code, done.out) == (4, "")
    assert f"unix:{gateway.admin}: /config_dump: no response." in done.err


def test_another_server_is_code_4(home: Home, gateway: SmallGateway) -> None:
    """It responds to everything, unlike an Envoy."""
    with reserved_ports(1) as (port,), home.running("mock", "--port", str(port), until="listening on"):
        done = invoke("doctor", gateway.config, "--admin", f"http://127.0.0.1:{port}")

    assert (done.code, done.out) == (4, "")
    assert "Traceback" not in done.err


def test_no_secret_is_shown(gateway: SmallGateway, envoy: Path) -> None:
    """Neither CONFIG's keys nor what headers hold in the other file, however much is wrong in it."""
    tree = yaml.safe_load(envoy.read_text())
    for listener in tree["static_resources"]["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        host = manager["route_config"]["virtual_hosts"][0]
        secret = {"header": {"key": "authorization", "value": f"Bearer {KEY}"}}
        host["request_headers_to_add"] = host["response_headers_to_add"] = [secret]
        host["routes"][-1]["route"]["retry_policy"] = {"retry_on": "5xx", "retriable_headers": [{"name": KEY}]}
        manager["http_filters"] = manager["http_filters"][:1]
    envoy.write_text(yaml.safe_dump(tree))

    done = invoke("doctor", gateway.config, "--envoy", envoy)

    assert done.code == 2
    assert KEY not in done.out + done.err


def test_what_up_has_started_is_healthy(home: Home, gateway: SmallGateway) -> None:
    """Version, counters and workers included."""
    with home.running("up", gateway.config, until="Ctrl-C stops it"):
        done = invoke("doctor", gateway.config)

    assert (done.code, done.out, done.err) == (0, "Nothing found.\n", "")


def test_a_loss_is_found_in_an_envoy_that_runs(home: Home) -> None:
    """The edge keeps too little of a request to send it again: the file's fault, and what it has cost already."""
    with _beside_an_envoy(home, _keep_little) as gateway:
        healthy = invoke("doctor", gateway.config, "--json")
        answer = httpx.post(
            f"http://127.0.0.1:{gateway.port}/v1/chat/completions",
            json={"model": "openai/gpt-4o", "messages": ["x" * 100_000]},
            timeout=DEADLINE,
        )
        after = invoke("doctor", gateway.config, "--json")

    assert [(finding["check"], finding["place"]) for finding in json.loads(healthy.out)] == [("body-limit", LIMIT)]
    assert answer.status_code == 429
    assert [(finding["check"], finding["place"]) for finding in json.loads(after.out)] == [
        ("body-limit", LIMIT),
        ("counters", "cluster.attempt.retry_or_shadow_abandoned"),
    ]


def _keep_little(host: dict[str, object]) -> None:
    host["request_body_buffer_limit"] = 10_000


@contextmanager
def _beside_an_envoy(home: Home, fault: Callable[[dict[str, object]], None]) -> Iterator[SmallGateway]:
    """Run a gateway by `serve` and an Envoy of the operator's own, with *fault* in the edge's virtual host."""
    with reserved_ports(2) as (port, provider):
        gateway = write_config(home.directory, "gateway.yaml", port=port, provider=f"http://127.0.0.1:{provider}")
        table = yaml.safe_load(gateway.config.read_text())
        table["model_providers"][0]["retry_policy"] = {"default_strategy": "same_model"}
        table["sidecar"] = {"listen": f"unix:{home.directory}/sidecar.sock"}
        gateway.config.write_text(yaml.safe_dump(table))
        tree = yaml.safe_load(invoke("render", gateway.config).out)
        manager = tree["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        fault(manager["route_config"]["virtual_hosts"][0])
        with (
            home.running("mock", "--port", str(provider), "--script", "429", until="listening on"),
            home.running("serve", gateway.config, until="ready"),
            running_envoy(yaml.safe_dump(tree), gateway.admin, home.directory),
        ):
            eventually_sync(lambda: _is_healthy(port), what="the edge is healthy")
            yield gateway


def _is_healthy(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=DEADLINE).status_code == 200
