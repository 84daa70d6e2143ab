"""`extproc restart`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from extproc.cli.run_argument import RUNNING, chosen_run
from extproc.exits import TABLE, Failure
from extproc.gateway.hot_restart import progress
from extproc.gateway.registry import Process, Run, process_of
from extproc.system.child_processes import RESTART_SIGNAL

_POLL = 0.05
_AGAIN = 0.5


@click.command(epilog=TABLE)
@RUNNING
@click.option("--timeout", default=60.0, show_default=True, metavar="SECONDS", help="How long to wait for the new one.")
def restart(config: Path | None, timeout: float) -> None:
    """Have `extproc up CONFIG` replace its Envoy by a new one, and return when that serves. No request is lost.

    For new certificate authorities, a new Envoy in the place of the old one, or to get rid of what an Envoy has piled
    up. The new one takes over the sockets, and the old one finishes what it has begun. The sidecar stays as it is, and
    so does Envoy's configuration: a changed CONFIG needs `extproc down` and `extproc up`.

    When the new one does not start, the old one goes on serving, and the exit code is 1. While the one before last is
    still answering requests, it waits for that. Without CONFIG, the only gateway that runs is meant.
    """
    run = chosen_run(config)
    if run is None:
        raise Failure("nothing to restart: no `extproc up` is running" + (f" for {config}." if config else "."))
    click.echo(f"restarting the Envoy of {run.config} …", err=True)
    with process_of(run) as process:
        _replace(run, process, time.monotonic() + timeout)
    click.echo("a new Envoy serves; the one before finishes what it has begun.", err=True)


def _replace(run: Run, process: Process | None, deadline: float) -> None:
    """Return when a new Envoy serves.

    Raises:
        Failure: when it does not by *deadline*, or cannot.
    """
    waiting = ""
    while process is not None:
        done = _asked(run, process, deadline)
        if not done.problem:
            return
        if not done.for_now or time.monotonic() > deadline:
            raise Failure(f"Envoy is not replaced: {done.problem}")
        if not waiting:
            waiting = done.problem
            click.echo(f"waiting: {waiting}", err=True)
        process.ends_within(_AGAIN)
    raise Failure("Envoy is not replaced: `extproc up` has ended.")


def _asked(run: Run, process: Process, deadline: float) -> progress.Progress:
    """Ask once for a new Envoy, and return how that has ended."""
    before = progress.read(Path(run.directory))
    if before is None or not process.send(RESTART_SIGNAL):
        raise Failure("Envoy is not replaced: this `extproc up` has ended or is of another version.")
    while (now := progress.read(Path(run.directory))) is None or now.done <= before.begun:
        if process.ends_within(_POLL):
            raise Failure("Envoy is not replaced: `extproc up` has ended.")
        if time.monotonic() > deadline:
            raise Failure("not done in time: `extproc up` goes on trying, and tells in its log what came of it.")
    return now
