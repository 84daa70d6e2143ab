"""What the environment asks for, and Envoy does not look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.config.compiled import a_cluster, a_gateway

from extproc.bootstrap.ca_bundle import CA_FILES
from extproc.exits import Failure
from extproc.gateway.environment import ca_file, warn_of_surroundings

if TYPE_CHECKING:
    from pathlib import Path

TO_A_VENDOR = a_gateway(clusters=[a_cluster("openai", tls=True), a_cluster("ollama")])
AT_HOME = a_gateway(clusters=[a_cluster("ollama")])

PROXY = "is not heeded: Envoy connects to the providers directly, and fails where only a proxy may"
DIRECTORY = "is not heeded: name one file with all authorities in SSL_CERT_FILE"


@pytest.mark.parametrize(
    ("environ", "warning"),
    [
        ({"HTTPS_PROXY": "http://user:secret@proxy:3128"}, f"Warning: HTTPS_PROXY {PROXY}\n"),
        ({"https_proxy": "http://proxy:3128"}, f"Warning: https_proxy {PROXY}\n"),
        ({"ALL_PROXY": "socks5://proxy"}, f"Warning: ALL_PROXY {PROXY}\n"),
        ({"all_proxy": "socks5://proxy"}, f"Warning: all_proxy {PROXY}\n"),
        ({"HTTPS_PROXY": "http://a", "ALL_PROXY": "http://b"}, f"Warning: HTTPS_PROXY {PROXY}\n"),
        ({"HTTPS_PROXY": "http://a", "NO_PROXY": "localhost"}, f"Warning: HTTPS_PROXY {PROXY}\n"),
        ({"HTTPS_PROXY": "http://a", "NO_PROXY": "*"}, ""),
        ({"HTTPS_PROXY": "http://a", "no_proxy": "*"}, ""),
        ({"HTTPS_PROXY": ""}, ""),
        ({"HTTP_PROXY": "http://a"}, ""),
        ({"SSL_CERT_DIR": "/etc/ssl/certs"}, f"Warning: SSL_CERT_DIR {DIRECTORY}\n"),
        ({"SSL_CERT_DIR": "/etc/ssl/certs", "SSL_CERT_FILE": __file__}, ""),
        ({}, ""),
    ],
)
def test_what_is_not_heeded_is_said(environ: dict[str, str], warning: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the value: the address of a proxy may hold a password."""
    warn_of_surroundings(TO_A_VENDOR, environ)

    assert capsys.readouterr().err == warning


def test_where_nothing_is_reached_by_tls_nobody_asks(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_surroundings(AT_HOME, {"HTTPS_PROXY": "http://a", "SSL_CERT_DIR": "/c", "SSL_CERT_FILE": "/no/such/file"})

    assert capsys.readouterr().err == ""


def test_a_file_that_is_named_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever Envoy is started, so by its whole name."""
    (tmp_path / "ca.pem").touch()
    monkeypatch.chdir(tmp_path)

    assert ca_file({"SSL_CERT_FILE": "ca.pem"}) == str(tmp_path / "ca.pem")


@pytest.mark.parametrize("environ", [{}, {"SSL_CERT_FILE": ""}])
def test_otherwise_it_is_the_systems(environ: dict[str, str]) -> None:
    assert ca_file(environ) in CA_FILES


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Trusting all that the system trusts is not what was asked for."""
    missing = tmp_path / "ca.pem"
    expected = f"SSL_CERT_FILE: there is no file {missing}. Without the variable, the system's own is used."

    for check in (ca_file, lambda environ: warn_of_surroundings(TO_A_VENDOR, environ)):
        with pytest.raises(Failure) as caught:
            check({"SSL_CERT_FILE": str(missing)})
        assert caught.value.message == expected
