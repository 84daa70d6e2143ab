"""What the environment says about connections to providers: programs usually heed it, but Envoy reads none of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.bootstrap.ca_bundle import system_ca_file
from extproc.exits import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.config.gateway import Gateway

PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
CA_FILE = "SSL_CERT_FILE"
"""OpenSSL's variables (SSL_CTX_set_default_verify_paths), which most clients of HTTPS know by now."""
CA_DIRECTORY = "SSL_CERT_DIR"


def ca_file(environ: Mapping[str, str]) -> str:
    """Return the file with the authorities that TLS to providers trusts: *environ*'s, or else the system's.

    Raises:
        Failure: *environ* names one that is not there; trusting others instead would be no favour.
    """
    named = environ.get(CA_FILE)
    if not named:
        return system_ca_file(lambda path: Path(path).exists())
    if not Path(named).is_file():
        raise Failure(f"{CA_FILE}: there is no file {named}. Without the variable, the system's own is used.")
    return str(Path(named).absolute())


def warn_of_surroundings(gateway: Gateway, environ: Mapping[str, str]) -> None:
    """Tell on standard error what *environ* asks for in vain.

    Raises:
        Failure: it asks for what is not there.
    """
    if not any(cluster.tls for cluster in gateway.clusters):
        return
    ca_file(environ)
    for warning in _warnings(environ):
        click.echo(f"Warning: {warning}", err=True)


def _warnings(environ: Mapping[str, str]) -> Iterator[str]:
    # Values stay unsaid: the address of a proxy may hold a password.
    proxy = next((name for name in PROXIES if environ.get(name)), None)
    if proxy is not None and environ.get("NO_PROXY", environ.get("no_proxy")) != "*":
        yield f"{proxy} is not heeded: Envoy connects to the providers directly, and fails where only a proxy may"
    if environ.get(CA_DIRECTORY) and not environ.get(CA_FILE):
        yield f"{CA_DIRECTORY} is not heeded: name one file with all authorities in {CA_FILE}"
