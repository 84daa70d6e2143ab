"""Environment variables about TLS and proxies: most HTTP clients read them, Envoy does not."""

from __future__ import annotations

import logging
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.addresses import is_loopback
from extproc.bootstrap.ca_bundle import system_ca_file
from extproc.exits import Failure
from extproc.gateway.notices import Notice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from extproc.config.gateway import Cluster, Gateway

PROXIES = MappingProxyType(
    {
        "https": ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
        "http": ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"),
    }
)
"""Where HTTP clients look for a proxy, by the scheme of the URL that is called."""
CA_FILE = "SSL_CERT_FILE"
"""OpenSSL's variables (SSL_CTX_set_default_verify_paths(3)), which most HTTPS clients respect."""
CA_DIRECTORY = "SSL_CERT_DIR"


def ca_file(environ: Mapping[str, str]) -> str:
    """Return the CA bundle for TLS to providers: the one in *environ*, or else the system's.

    Raises:
        Failure: *environ* names a file that does not exist; falling back to other authorities would be unsafe.
    """
    named = environ.get(CA_FILE)
    if not named:
        return system_ca_file(lambda path: Path(path).exists())
    if not Path(named).is_file():
        raise Failure(f"{CA_FILE}: the file {named} does not exist. Unset the variable to use the system's CA bundle.")
    return str(Path(named).absolute())


def environment_warnings(gateway: Gateway, environ: Mapping[str, str]) -> Iterator[Notice]:
    """Yield a warning for each variable of *environ* that has no effect.

    Raises:
        Failure: a variable names a file that does not exist.
    """
    tls = any(cluster.tls for cluster in gateway.clusters)
    if tls:
        ca_file(environ)
    ignored = [
        f"{name} is ignored: Envoy connects to providers directly, which fails where a proxy is required"
        for name in dict.fromkeys(_proxies(gateway.clusters, environ))
    ]
    if tls and environ.get(CA_DIRECTORY) and not environ.get(CA_FILE):
        ignored.append(f"{CA_DIRECTORY} is ignored: set {CA_FILE} to one file with all authorities")
    for text in ignored:
        yield Notice("environment", text, {"problem": text}, logging.WARNING)


def _proxies(clusters: Iterable[Cluster], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the name of each variable that names a proxy for one of *clusters*; its value may hold a password."""
    exempt = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").lower().replace(",", " ").split()
    for cluster in clusters:
        if any(_is_exempt(cluster, entry) for entry in exempt):
            continue
        if not cluster.tls and is_loopback(cluster.host):
            continue  # a model server on this host is not expected behind a proxy
        name = next((name for name in PROXIES["https" if cluster.tls else "http"] if environ.get(name)), None)
        if name is not None:
            yield name


def _is_exempt(cluster: Cluster, entry: str) -> bool:
    """Return whether *entry* of NO_PROXY covers *cluster*: a host, with a port or not, or what its name ends with."""
    host, entry = cluster.host.lower(), entry.removeprefix("*").removeprefix(".")
    return not entry or entry in {host, f"{host}:{cluster.port}"} or host.endswith(f".{entry}")
