"""`extproc serve`."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from extproc.cli.address_option import ADDRESS
from extproc.cli.config_argument import CONFIG, WORKERS, load_config
from extproc.cli.exit_codes import TABLE
from extproc.cli.reporting import reports
from extproc.config.exposure import access_problem
from extproc.observe.log import log_event, set_up_logging
from extproc.workers.access_checks import check_access
from extproc.workers.clock import anchored_clock
from extproc.workers.supervisor import Supervisor
from extproc.workers.worker import WorkerConfig

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.addresses import Address


@click.command(epilog=TABLE)
@CONFIG
@click.option(
    "--listen", type=ADDRESS, metavar="ADDRESS", help="unix:/path or host:port.  [default: sidecar.listen in CONFIG]"
)
@WORKERS
@click.option(
    "--grace",
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long attempts under way may take when it is told to stop.",
)
def serve(*, config: Path, listen: Address | None, workers: int | None, grace: float) -> None:
    """Run the sidecar alone, beside an Envoy of your own that CONFIG's `extproc render` was written for.

    Each worker is a process with an address of its own: several listen on `/path.0.sock`, `/path.1.sock`, … when
    ADDRESS is `unix:/path.sock`, on as many ports in a row when it is `host:port`. One that ends is started again.

    Whoever can speak to the sidecar is handed the providers' keys. A socket is its owner's alone (or its group's, with
    `sidecar.socket_mode`); `host:port` needs `sidecar.tls` in CONFIG, or, on loopback, `sidecar.insecure: true`.

    Logs to standard error: a line when all are ready, then one line for each attempt. At Ctrl-C or SIGTERM it takes
    no new attempts and ends when those under way have; a second time ends it at once.
    """
    loaded = load_config(config)
    settings = loaded.gateway.sidecar
    settings = replace(settings, listen=listen or settings.listen, workers=workers or settings.workers)
    refused = access_problem(settings)
    if refused is not None:  # never of CONFIG: that has been checked when it was read
        raise click.BadParameter(refused, param_hint="--listen")
    with reports(settings.log_format):
        warnings = check_access(config, settings)
        set_up_logging(settings.log_format, sys.stderr)
        for warning in (*loaded.warnings, *warnings):
            log_event("configuration", {"place": warning.place, "problem": warning.text}, level=logging.WARNING)
        worker_config = WorkerConfig(replace(loaded.gateway, sidecar=settings), anchored_clock(), int(grace * 1000))
        sys.exit(Supervisor(worker_config).run())
