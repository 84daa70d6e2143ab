"""What the environment asks for, and Envoy does not look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.config.compiled import a_cluster, a_gateway

from extproc.bootstrap.ca_bundle import CA_FILES
from extproc.exits import Failure
from extproc.gateway.environment import ca_file, environment_warnings

if TYPE_CHECKING:
    from pathlib import Path

TO_A_VENDOR = a_gateway(clusters=[a_cluster("openai", tls=True), a_cluster("ollama")])
AT_HOME = a_gateway(clusters=[a_cluster("ollama")])

PROXY = "is ignored: Envoy connects to providers directly, which fails where a proxy is required"
DIRECTORY = "is ignored: set SSL_CERT_FILE to one file with all authorities"


@pytest.mark.parametrize(
    ("environ", "warning"),
    [
        ({"HTTPS_PROXY": "http://user:secret@proxy:3128"}, f"HTTPS_PROXY {PROXY}"),
        ({"https_proxy": "http://proxy:3128"}, f"https_proxy {PROXY}"),
        ({"ALL_PROXY": "socks5://proxy"}, f"ALL_PROXY {PROXY}"),
        ({"all_proxy": "socks5://proxy"}, f"all_proxy {PROXY}"),
        ({"HTTPS_PROXY": "http://a", "ALL_PROXY": "http://b"}, f"HTTPS_PROXY {PROXY}"),
        ({"HTTPS_PROXY": "http://a", "NO_PROXY": "localhost"}, f"HTTPS_PROXY {PROXY}"),
        ({"HTTPS_PROXY": "http://a", "NO_PROXY": "*"}, ""),
        ({"HTTPS_PROXY": "http://a", "no_proxy": "*"}, ""),
        ({"HTTPS_PROXY": ""}, ""),
        ({"HTTP_PROXY": "http://a"}, ""),
        ({"SSL_CERT_DIR": "/etc/ssl/certs"}, f"SSL_CERT_DIR {DIRECTORY}"),
        ({"SSL_CERT_DIR": "/etc/ssl/certs", "SSL_CERT_FILE": __file__}, ""),
        ({}, ""),
    ],
)
def test_an_ignored_variable_is_a_warning(environ: dict[str, str], warning: str) -> None:
    """Without the value: the address of a proxy may hold a password."""
    assert [notice.text for notice in environment_warnings(TO_A_VENDOR, environ)] == ([warning] if warning else [])


def test_without_tls_to_a_provider_no_variable_is_read() -> None:
    environ = {"HTTPS_PROXY": "http://a", "SSL_CERT_DIR": "/c", "SSL_CERT_FILE": "/no/such/file"}

    assert list(environment_warnings(AT_HOME, environ)) == []


def test_a_configured_ca_bundle_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its absolute path, because Envoy may have another working directory."""
    (tmp_path / "ca.pem").touch()
    monkeypatch.chdir(tmp_path)

    assert ca_file({"SSL_CERT_FILE": "ca.pem"}) == str(tmp_path / "ca.pem")


@pytest.mark.parametrize("environ", [{}, {"SSL_CERT_FILE": ""}])
def test_the_default_is_the_systems_ca_bundle(environ: dict[str, str]) -> None:
    assert ca_file(environ) in CA_FILES


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Falling back to the system's authorities would be unsafe."""
    missing = tmp_path / "ca.pem"
    expected = f"SSL_CERT_FILE: the file {missing} does not exist. Unset the variable to use the system's CA bundle."

    for check in (ca_file, lambda environ: list(environment_warnings(TO_A_VENDOR, environ))):
        with pytest.raises(Failure) as caught:
            check({"SSL_CERT_FILE": str(missing)})
        assert str(caught.value) == expected
