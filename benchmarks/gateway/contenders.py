"""What is measured: a gateway of this build, one of an older commit, and Envoy alone; and their providers."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import yaml

from extproc.gateway.envoy_binary import find_envoy
from gateway.processes import running, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

GOOD, BUSY, DOWN = "openai/gpt-4o", "groq/busy", "mistral/down"
"""Models: one whose provider answers 200, one 429, one 503; the last two fall back to the first."""

_TYPES = "type.googleapis.com/envoy.extensions"

_STARTED_WITHIN = 30.0  # seconds

_ANSWER = '{"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}}]}'
_ERROR = '{"error": {"message": "not now", "type": "server_error"}}'


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the providers of the three models listen."""

    good: int
    busy: int
    down: int


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that is up on *port*, made of the processes *pids* and all below them."""

    name: str
    port: int
    pids: tuple[int, ...]

    def seconds(self) -> float:
        """Return the processor time used so far."""
        return sum(map(seconds, self.pids))


@contextmanager
def providers(directory: Path, ports: Ports) -> Iterator[None]:
    """Keep nginx up, which answers without a thought."""
    servers = "".join(
        f"server {{ listen 127.0.0.1:{port} backlog=1024; location / "
        f"{{ default_type application/json; return {status} '{body}'; }} }}\n"
        for port, status, body in ((ports.good, 200, _ANSWER), (ports.busy, 429, _ERROR), (ports.down, 503, _ERROR))
    )
    paths = "".join(f"{name}_temp_path {directory}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    file = directory / "nginx.conf"
    file.write_text(
        f"daemon off; pid {directory}/nginx.pid; worker_processes 1; error_log stderr;\n"
        "events { worker_connections 4096; }\n"
        f"http {{ access_log off; client_body_temp_path {directory}/body; {paths} client_max_body_size 100m;\n"
        f"client_body_buffer_size 4m; keepalive_requests 100000000;\n{servers}}}\n"
    )
    with running(["nginx", "-c", str(file), "-p", str(directory)], log=directory / "nginx.log"):
        yield


@contextmanager
def gateway(
    name: str, directory: Path, *, source: Path, port: int, providers: Ports, settings: dict[str, object] | None = None
) -> Iterator[Contender]:
    """Keep the sidecar of the checkout *source* and an Envoy of one thread up; *settings* are its `sidecar`'s."""
    policy = {"fallback_models": [GOOD]}
    entries = (
        {"model": GOOD, "base_url": f"http://127.0.0.1:{providers.good}"},
        {"model": BUSY, "base_url": f"http://127.0.0.1:{providers.busy}"},
        {"model": DOWN, "base_url": f"http://127.0.0.1:{providers.down}"},
    )
    document = {
        "version": "v0.4.0",
        "listeners": [{"type": "model", "name": "bench", "address": "127.0.0.1", "port": port}],
        "model_providers": [
            {**entry, "access_key": "unused", "retry_policy": {} if entry["model"] == GOOD else policy}
            for entry in entries
        ],
        "sidecar": {"listen": f"unix:{directory}/{name}.sock", **(settings or {})},
        "envoy": {"admin": f"127.0.0.1:{port + 1}"},
    }
    config, rendered = directory / f"{name}.yaml", directory / f"{name}-envoy.yaml"
    config.write_text(yaml.safe_dump(document))
    extproc = [sys.executable, "-P", "-m", "extproc"]  # -P: not the one in the current directory
    environment = {"PYTHONPATH": str(source)}
    render = [*extproc, "render", str(config), "-o", str(rendered)]
    subprocess.run(render, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=True)
    with (
        running([*extproc, "serve", str(config)], log=directory / f"{name}.log", environment=environment) as sidecar,
        running(_envoy(rendered), log=directory / f"{name}-envoy.log") as envoy,
    ):
        _wait_until_it_answers(port)
        yield Contender(name, port, (sidecar, envoy))


@contextmanager
def envoy_alone(directory: Path, *, port: int, providers: Ports) -> Iterator[Contender]:
    """Keep an Envoy of one thread up that passes every request on to the good provider, and does nothing else."""
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
    }
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "alone",
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "alone",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "good", "timeout": "0s"}}],
                }
            ]
        },
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    cluster = {
        "name": "good",
        "circuit_breakers": {"thresholds": [{"max_connections": 10_000, "max_pending_requests": 10_000}]},
        "load_assignment": {
            "cluster_name": "good",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(providers.good)}}]}],
        },
    }
    resources = {
        "listeners": [{"name": "alone", "address": _address(port), "filter_chains": [chain]}],
        "clusters": [cluster],
    }
    file = directory / "alone.yaml"
    file.write_text(yaml.safe_dump({"static_resources": resources}))
    with running(_envoy(file), log=directory / "alone.log") as envoy:
        _wait_until_it_answers(port)
        yield Contender("Envoy alone", port, (envoy,))


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _envoy(file: Path) -> Sequence[str]:
    binary = find_envoy().path
    return [
        str(binary),
        "--config-path",
        str(file),
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "error",
    ]


def _wait_until_it_answers(port: int) -> None:
    """Return when a request succeeds there.

    Raises:
        TimeoutError: none does within half a minute.
    """
    body = json.dumps({"model": GOOD, "messages": []}).encode()
    deadline = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            if connection.getresponse().status == HTTPStatus.OK:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise TimeoutError(f"port {port}: no request has succeeded within {_STARTED_WITHIN:.0f} s")
