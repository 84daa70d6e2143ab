"""Environment variables about TLS and proxies: most HTTP clients read them, Envoy does not."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.bootstrap.ca_bundle import system_ca_file
from extproc.exits import Failure
from extproc.gateway.notices import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.config.gateway import Gateway

PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
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
    if not any(cluster.tls for cluster in gateway.clusters):
        return
    ca_file(environ)
    for text in _warnings(environ):
        yield Notice("environment", text, {"problem": text}, logging.WARNING)


def _warnings(environ: Mapping[str, str]) -> Iterator[str]:
    # Values are not printed: the address of a proxy may hold a password.
    proxy = next((name for name in PROXIES if environ.get(name)), None)
    if proxy is not None and environ.get("NO_PROXY", environ.get("no_proxy")) != "*":
        yield f"{proxy} is ignored: Envoy connects to providers directly, which fails where a proxy is required"
    if environ.get(CA_DIRECTORY) and not environ.get(CA_FILE):
        yield f"{CA_DIRECTORY} is ignored: set {CA_FILE} to one file with all authorities"
