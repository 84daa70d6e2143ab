"""What requests without the sidecar stand on: Envoy's secret files, its script, and names that are checked."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
from support.config import files
from support.envoy.process import running_envoy, validate
from support.ports import reserved_ports
from support.toys.provider import ToyProvider
from support.toys.tls_provider import CA_FILE, HOST, OTHER_CA_FILE, TlsProvider
from support.waiting import DEADLINE, eventually_sync

from extproc.addresses import TcpAddress, parse_address
from extproc.bootstrap.degraded.secrets import secret_files
from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.config.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extproc.config.gateway import Gateway

BODY = b'{"model": "openai/gpt-4o", "messages": []}'


def a_gateway(directory: Path, default: files.Table, *, port: int = 12_000, admin: int = 9901) -> Gateway:
    """Return a gateway with that *default*, and with its secrets in *directory*."""
    return files.gateway(
        files.a_file(
            default,
            listeners=[{"type": "model", "address": "127.0.0.1", "port": port}],
            sidecar={"on_failure": "default_provider"},
            envoy={"admin": f"127.0.0.1:{admin}", "secrets": str(directory)},
        )
    )


def written(gateway: Gateway, directory: Path) -> None:
    """Write the secrets of *gateway*."""
    for name, text in secret_files(gateway).items():
        (directory / name).write_text(text)


@dataclass(frozen=True, slots=True)
class Alone:
    """An Envoy that has no sidecar."""

    url: str

    def post(self) -> httpx.Response:
        """Send a request."""
        headers = {"content-type": "application/json", "authorization": "Bearer sk-of-the-client"}
        return httpx.post(f"{self.url}/v1/chat/completions", content=BODY, headers=headers, timeout=DEADLINE)


@contextmanager
def alone(directory: Path, *, base_url: str, http_host: str | None = None, ca_file: str = CA_FILE) -> Iterator[Alone]:
    """Run an Envoy whose sidecar is nowhere, with a default at *base_url*."""
    host = {} if http_host is None else {"http_host": http_host}
    with ExitStack() as stack:
        port, admin, dead = stack.enter_context(reserved_ports(3))
        default = files.a_provider(base_url=base_url, default=True, **host)
        gateway = a_gateway(directory, default, port=port, admin=admin)
        written(gateway, directory)
        text = to_yaml(bootstrap(gateway, sidecar_addresses=[TcpAddress("127.0.0.1", dead)], ca_file=ca_file))
        stack.enter_context(running_envoy(text, admin, directory))
        yield Alone(f"http://127.0.0.1:{port}")


def test_the_default_is_asked_for_by_its_name(tmp_path: Path) -> None:
    """The name that the configuration says, not the client's: in TLS, in the certificate, and as the host."""
    with TlsProvider("h2") as provider:
        with alone(tmp_path, base_url=f"https://127.0.0.1:{provider.port}", http_host=HOST) as envoy:
            answer = envoy.post()

        assert (answer.status_code, answer.text) == (200, "h2")
        assert provider.asked_for == [HOST]
        (request,) = provider.requests
        assert dict(request)[":authority"] == HOST
        assert dict(request)["authorization"] == "Bearer sk-test"


@pytest.mark.parametrize(("host", "ca_file"), [("another.example", CA_FILE), (HOST, OTHER_CA_FILE)])
def test_who_cannot_prove_to_be_the_default_gets_nothing(tmp_path: Path, host: str, ca_file: str) -> None:
    """The credential least of all."""
    with TlsProvider("h2") as provider:
        url = f"https://127.0.0.1:{provider.port}"
        with alone(tmp_path, ca_file=ca_file, base_url=url, http_host=host) as envoy:
            answer = envoy.post()

        assert answer.status_code == 503
        assert provider.requests == []


def test_a_new_credential_is_used_once_it_is_there(tmp_path: Path) -> None:
    """Moved over the old one: keys are changed without a restart."""
    with ToyProvider() as provider, alone(tmp_path, base_url=f"http://127.0.0.1:{provider.port}") as envoy:
        envoy.post()
        renewed = tmp_path / "renewed"
        renewed.write_text((tmp_path / "authorization.yaml").read_text().replace("sk-test", "sk-renewed"))
        renewed.replace(tmp_path / "authorization.yaml")

        def is_used() -> bool:
            envoy.post()
            return provider.calls[-1].header("authorization") == ["Bearer sk-renewed"]

        eventually_sync(is_used, what="the new credential is used")

    assert provider.calls[0].header("authorization") == ["Bearer sk-test"]


def test_envoy_does_not_start_without_its_secrets(tmp_path: Path) -> None:
    """It names the file: better than a gateway that would fail when it is needed most."""
    file = tmp_path / "envoy.yaml"
    file.write_text(
        to_yaml(
            bootstrap(
                a_gateway(tmp_path, files.a_provider(default=True)),
                sidecar_addresses=[parse_address("unix:/run/extproc.sock")],
            )
        )
    )

    told = validate(file)

    assert told.returncode != 0
    assert f"{tmp_path}/authorization.yaml" in told.stderr


@pytest.mark.parametrize("prefix", PROVIDERS)
def test_envoy_accepts_every_provider_as_the_default(tmp_path: Path, prefix: str) -> None:
    """And it warns of nothing that is deprecated."""
    url = PROVIDERS[prefix].base_url or "https://own.example"
    gateway = a_gateway(tmp_path, files.a_provider(f"{prefix}/a-model", base_url=url, default=True))
    written(gateway, tmp_path)
    file = tmp_path / "envoy.yaml"
    file.write_text(to_yaml(bootstrap(gateway, sidecar_addresses=[parse_address("unix:/run/extproc.sock")])))

    told = validate(file)

    assert told.returncode == 0, told.stderr
    assert "eprecated" not in told.stderr
