"""`extproc down`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from extproc.cli.exits import TABLE, BadConfig, Failure
from extproc.cli.runs import Runs, ask_to_stop


@click.command(epilog=TABLE)
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--timeout", default=45.0, show_default=True, metavar="SECONDS", help="How long to wait for its end.")
def down(config: Path | None, timeout: float) -> None:
    """End what `extproc up CONFIG` has started, detached or not; without CONFIG, the only one that runs.

    Requests in flight get the time that `up --grace` gave them. Nothing to end is no error.
    """
    runs = Runs.of_user(os.environ)
    if config is None:
        running = list(runs)
        if len(running) > 1:
            raise click.UsageError(
                "More than one runs, name its CONFIG:\n" + "\n".join(f"  {run.config}" for run in running)
            )
        run = running[0] if running else None
    else:
        run = runs.find(config)
        if run is None and not config.exists():
            raise BadConfig(f"{config}: no such file, and nothing runs by that name.")
    if run is None:
        click.echo("nothing to end: no `extproc up` is running" + (f" for {config}." if config else "."), err=True)
        return
    click.echo(f"ending {run.config} (process {run.pid}) …", err=True)
    if not ask_to_stop(run, seconds=timeout):
        raise Failure(f"process {run.pid} has not ended after {timeout:g} s; it still may. Ask again to force it.")
    click.echo("ended.", err=True)
