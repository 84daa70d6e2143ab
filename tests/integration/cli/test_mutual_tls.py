"""`serve` and an Envoy of one's own that meet by TCP: a real Envoy, on what `render` writes."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml
from support.envoy.process import running_envoy
from support.gateway.commands import invoke
from support.gateway.small import write_config
from support.ports import reserved_ports
from support.sidecar.certificates import Certificates
from support.waiting import DEADLINE, eventually_sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.envoy.process import Envoy
    from support.gateway.commands import Home
    from support.gateway.small import SmallGateway

FALLBACK = "anthropic/claude-3-5-sonnet"


@dataclass(frozen=True, slots=True)
class Beside:
    """A sidecar and an Envoy, each with certificates in a directory of its own, and two providers."""

    gateway: SmallGateway
    envoy: Envoy
    file: Path
    at_sidecar: Certificates
    at_envoy: Certificates

    def chat(self) -> httpx.Response:
        """Send one request."""
        return httpx.post(
            f"http://127.0.0.1:{self.gateway.port}/v1/chat/completions",
            json={"model": "openai/gpt-4o", "messages": []},
            timeout=DEADLINE,
        )

    def health(self) -> int:
        """Return the status of the edge's `/healthz`."""
        return httpx.get(f"http://127.0.0.1:{self.gateway.port}/healthz", timeout=DEADLINE).status_code


@contextmanager
def beside_an_envoy(home: Home, *, client: str = "envoy", name: str | None = None) -> Iterator[Beside]:
    """Run all of it; Envoy shows the certificate of *client*, and wants the sidecar's to be for *name*."""
    certificates = {side: home.directory / side for side in ("sidecar", "envoy")}
    for directory in certificates.values():
        directory.mkdir()
    at_sidecar, at_envoy = map(Certificates, certificates.values())
    with (
        reserved_ports(2) as (port, sidecar),
        home.running("mock", "--script", "429, loop", until="listening on") as limited,
        home.running("mock", "--script", "200", until="listening on") as good,
    ):
        gateway = write_config(home.directory, "gateway.yaml", port=port, provider=limited.output.split()[-1])
        table = yaml.safe_load(gateway.config.read_text())
        table["model_providers"][0]["retry_policy"] = {"fallback_models": [FALLBACK]}
        table["model_providers"].append({"model": FALLBACK, "access_key": "k", "base_url": good.output.split()[-1]})
        table["sidecar"] = {"listen": f"127.0.0.1:{sidecar}", "tls": at_envoy.as_configured()}
        table["sidecar"]["tls"]["server_name"] = name or "sidecar.test"
        for key in ("client_cert", "client_key"):
            table["sidecar"]["tls"][key] = table["sidecar"]["tls"][key].replace("/envoy.", f"/{client}.")
        gateway.config.write_text(yaml.safe_dump(table))
        file = home.directory / "rendered.yaml"
        assert invoke("render", gateway.config, "-o", file).code == 0
        table["sidecar"]["tls"] = at_sidecar.as_configured()
        gateway.config.write_text(yaml.safe_dump(table))
        with (
            home.running("serve", gateway.config, until="ready"),
            running_envoy(file.read_text(), gateway.admin, home.directory) as envoy,
        ):
            yield Beside(gateway, envoy, file, at_sidecar, at_envoy)


@pytest.mark.parametrize("name", ["sidecar.test", "127.0.0.1"])
def test_a_request_fails_over(home: Home, name: str) -> None:
    """Over mutual TLS all is as it is over a socket, and the doctor has nothing to say."""
    with beside_an_envoy(home, name=name) as beside:
        eventually_sync(lambda: beside.health() == 200, what=beside.envoy.log.read_text)

        answer = beside.chat()

        assert (answer.status_code, answer.headers["x-extproc-attempts"]) == (200, "2")
        assert answer.headers["x-extproc-model"] == FALLBACK
        assert invoke("doctor", beside.gateway.config, "--envoy", beside.file).out == "Nothing found.\n"
        assert invoke("doctor", beside.gateway.config).out == "Nothing found.\n"


def test_certificates_are_renewed_without_a_restart_of_the_sidecar(home: Home) -> None:
    """A worker that is started again, and one that stays, show the new one; requests go on."""
    with beside_an_envoy(home) as beside:
        eventually_sync(lambda: beside.health() == 200, what=beside.envoy.log.read_text)
        beside.at_sidecar.renew()
        assert beside.chat().status_code == 200

        os.kill(home.process("extproc-worker"), signal.SIGKILL)

        assert beside.chat().status_code == 200


@pytest.mark.parametrize(
    ("client", "name", "counter"),
    [
        ("stranger", None, "cluster.extproc.health_check.failure"),
        ("envoy", "another.test", "cluster.extproc.ssl.fail_verify_san"),
    ],
)
def test_who_cannot_prove_who_they_are_is_not_supported_to(
    home: Home, client: str, name: str | None, counter: str
) -> None:
    """An Envoy with another authority's certificate; a sidecar with one for another name."""
    with beside_an_envoy(home, client=client, name=name) as beside:
        eventually_sync(lambda: beside.envoy.counter(counter) > 0, what=beside.envoy.log.read_text)

        assert beside.health() == 503
        assert beside.envoy.counter("cluster.extproc.membership_healthy") == 0
        assert beside.envoy.counter("cluster.extproc.health_check.success") == 0
