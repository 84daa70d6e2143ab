"""What the environment says about connections to providers, up to a real Envoy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.gateway.commands import invoke
from support.gateway.small import write_config
from support.toys.tls_provider import CA_FILE, OTHER_CA_FILE, TlsProvider

if TYPE_CHECKING:
    from support.gateway.commands import Home
    from support.gateway.small import SmallGateway


@pytest.fixture
def to_a_vendor(home: Home, gateway: SmallGateway) -> SmallGateway:
    """Return a configuration whose provider is reached by TLS."""
    return write_config(home.directory, gateway.config.name, port=gateway.port, provider="https://127.0.0.1:9")


@pytest.mark.parametrize(("authorities", "status"), [(CA_FILE, 200), (OTHER_CA_FILE, 502)])
def test_the_authorities_that_the_environment_names_are_trusted(
    home: Home, gateway: SmallGateway, authorities: str, status: int
) -> None:
    """They and no others: Envoy itself knows nothing of the variable."""
    here = replace(home, more={"SSL_CERT_FILE": authorities})
    with TlsProvider("http/1.1") as provider:
        url = f"https://127.0.0.1:{provider.port}"
        write_config(home.directory, gateway.config.name, port=gateway.port, provider=url)
        with here.running("up", gateway.config, until="Ctrl-C stops it") as up:
            answered, _ = gateway.chat()

            assert answered == status
            assert up.stop() == 0


@pytest.mark.parametrize("command", ["validate", "render"])
def test_an_ignored_proxy_is_a_warning(to_a_vendor: SmallGateway, command: str) -> None:
    """A failure to connect hours later would not lead anybody to the variable."""
    done = invoke(command, to_a_vendor.config, environ={"HTTPS_PROXY": "http://user:secret@proxy:3128"})

    assert done.code == 0
    assert done.err.startswith("Warning: HTTPS_PROXY is ignored: ")
    assert "secret" not in done.err + done.out


def test_up_says_so_as_well(home: Home, to_a_vendor: SmallGateway) -> None:
    here = replace(home, more={"https_proxy": "http://proxy:3128"})
    with here.running("up", to_a_vendor.config, until="Ctrl-C stops it") as up:
        assert up.stop() == 0

    assert up.output.count("Warning: https_proxy is ignored: ") == 1


@pytest.mark.parametrize("command", ["validate", "render", "up"])
def test_authorities_that_are_not_there_are_an_error(home: Home, to_a_vendor: SmallGateway, command: str) -> None:
    """Before anything is started."""
    done = replace(home, more={"SSL_CERT_FILE": "/no/such/ca.pem"}).run(command, to_a_vendor.config)

    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith("Error: SSL_CERT_FILE: the file /no/such/ca.pem does not exist.")
