"""`extproc down`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from extproc.cli.exit_codes import TABLE
from extproc.cli.run_argument import RUNNING, find_run
from extproc.exits import Failure
from extproc.gateway.registry import stop_run

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog=TABLE)
@RUNNING
@click.option(
    "--timeout", default=45.0, show_default=True, metavar="SECONDS", help="How long to wait until it has stopped."
)
def down(config: Path | None, timeout: float) -> None:
    """Stop the gateway that `extproc up CONFIG` started, detached or not; without CONFIG, the only running one.

    Requests in flight may complete within the grace period of `up --grace`. If none is running, the exit code is 0.
    """
    run = find_run(config)
    if run is None:
        click.echo("nothing to stop: no `extproc up` is running" + (f" for {config}." if config else "."), err=True)
        return
    click.echo(f"stopping {run.config} (process {run.pid}) …", err=True)
    if not stop_run(run, seconds=timeout):
        raise Failure(f"process {run.pid} has not exited within {timeout:g} s. Run the command again to force it.")
    click.echo("stopped.", err=True)
