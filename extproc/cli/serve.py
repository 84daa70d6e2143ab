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
    help="How long attempts in flight may take to complete when it stops.",
)
def serve(*, config: Path, listen: Address | None, workers: int | None, grace: float) -> None:
    """Run the sidecar alone, beside your own Envoy, whose configuration `extproc render CONFIG` has written.

    Each worker is a process with its own address: several listen on `/path.0.sock`, `/path.1.sock`, … if ADDRESS is
    `unix:/path.sock`, and on consecutive ports if it is `host:port`. A worker that exits is started again.

    Every client of the sidecar receives the providers' keys. A Unix socket is accessible to its owner only (or its
    group, with `sidecar.socket_mode`); `host:port` needs `sidecar.tls` in CONFIG, or, on loopback, `sidecar.insecure:
    true`.

    It logs to standard error: a line when all workers are ready, then one line for each attempt. At Ctrl-C or SIGTERM
    it accepts no new attempts and exits when those in flight have completed; a second signal stops it at once.
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
