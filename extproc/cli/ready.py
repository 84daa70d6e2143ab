"""`extproc ready`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from extproc.cli.config_argument import CONFIG, load_config
from extproc.cli.exit_codes import TABLE
from extproc.exits import Failure
from extproc.transport.probe import why_not_serving

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog=TABLE)
@CONFIG
@click.option(
    "--timeout", default=2.0, show_default=True, metavar="SECONDS", help="Timeout of the health check of each worker."
)
def ready(*, config: Path, timeout: float) -> None:
    """Report whether all workers of the sidecar for CONFIG serve: a probe for containers.

    It sends each address of `sidecar` in CONFIG the health check that Envoy sends (grpc.health.v1), with mutual TLS as
    Envoy does. The exit code is 0 if all serve, else 1.
    """
    settings = load_config(config).gateway.sidecar
    addresses = settings.addresses
    reasons = {address: why_not_serving(address, seconds=timeout, tls=settings.tls) for address in addresses}
    silent = [f"{address}: {reason}" for address, reason in reasons.items() if reason is not None]
    if silent:
        raise Failure(f"{len(silent)} of {len(addresses)} workers do not serve: {'; '.join(silent)}")
    click.echo(f"serving: {', '.join(map(str, addresses))}")
