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

VENDOR = a_cluster("openai", host="api.openai.com", tls=True)
TO_A_VENDOR = a_gateway(clusters=[VENDOR, a_cluster("ollama")])
IN_THE_CLEAR = a_gateway(clusters=[a_cluster("vllm", host="models.internal", port=80)])
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
        ({"HTTPS_PROXY": "http://a", "NO_PROXY": "localhost,.openai.com"}, ""),
        ({"HTTP_PROXY": "http://a"}, ""),  # its provider without TLS is on this host
        ({"SSL_CERT_DIR": "/etc/ssl/certs"}, f"SSL_CERT_DIR {DIRECTORY}"),
        ({"SSL_CERT_DIR": "/etc/ssl/certs", "SSL_CERT_FILE": __file__}, ""),
        ({}, ""),
    ],
)
def test_an_ignored_variable_is_a_warning(environ: dict[str, str], warning: str) -> None:
    """Without the value: the address of a proxy may hold a password."""
    assert [notice.text for notice in environment_warnings(TO_A_VENDOR, environ)] == ([warning] if warning else [])


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"HTTP_PROXY": "http://user:secret@proxy:3128"}, ["HTTP_PROXY"]),
        ({"http_proxy": "http://proxy:3128"}, ["http_proxy"]),
        ({"ALL_PROXY": "http://proxy:3128"}, ["ALL_PROXY"]),
        ({"HTTPS_PROXY": "http://proxy:3128"}, []),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "models.internal:80"}, []),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "internal"}, []),
    ],
)
def test_a_proxy_is_expected_for_a_provider_without_tls_too(environ: dict[str, str], names: list[str]) -> None:
    told = [notice.text for notice in environment_warnings(IN_THE_CLEAR, environ)]

    assert told == [f"{name} {PROXY}" for name in names]


def test_each_variable_is_named_once() -> None:
    """However many providers it is ignored for."""
    both = a_gateway(clusters=[VENDOR, *IN_THE_CLEAR.clusters, a_cluster("b", host="b.example", tls=True)])
    proxies = {"HTTPS_PROXY": "http://a", "HTTP_PROXY": "http://a"}

    assert [notice.text for notice in environment_warnings(both, proxies)] == [
        f"HTTPS_PROXY {PROXY}",
        f"HTTP_PROXY {PROXY}",
    ]
    assert len(list(environment_warnings(both, {"ALL_PROXY": "http://a"}))) == 1


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
