"""`extproc down`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from extproc.cli.run_argument import RUNNING, chosen_run
from extproc.exits import TABLE, Failure
from extproc.gateway.registry import ask_to_stop

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog=TABLE)
@RUNNING
@click.option("--timeout", default=45.0, show_default=True, metavar="SECONDS", help="How long to wait for its end.")
def down(config: Path | None, timeout: float) -> None:
    """End what `extproc up CONFIG` has started, detached or not; without CONFIG, the only one that runs.

    Requests in flight get the time that `up --grace` gave them. Nothing to end is no error.
    """
    run = chosen_run(config)
    if run is None:
        click.echo("nothing to end: no `extproc up` is running" + (f" for {config}." if config else "."), err=True)
        return
    click.echo(f"ending {run.config} (process {run.pid}) …", err=True)
    if not ask_to_stop(run, seconds=timeout):
        raise Failure(f"process {run.pid} has not ended after {timeout:g} s; it still may. Ask again to force it.")
    click.echo("ended.", err=True)
