"""`extproc restart`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from extproc.cli.exit_codes import TABLE
from extproc.cli.run_argument import RUNNING, find_run
from extproc.exits import Failure
from extproc.gateway.hot_restart import progress
from extproc.gateway.registry import Process, Run, process_of
from extproc.system.child_processes import RESTART_SIGNAL

_POLL = 0.05
_RETRY_INTERVAL = 0.5


@click.command(epilog=TABLE)
@RUNNING
@click.option(
    "--timeout",
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until the new Envoy is live.",
)
def restart(config: Path | None, timeout: float) -> None:
    """Hot-restart the Envoy of `extproc up CONFIG`, and return when the new process is live. No request is lost.

    Use it for a new CA bundle, a new Envoy binary, or to free an Envoy's memory. The child process takes over the
    listening sockets, and its parent drains. The sidecar keeps running, and Envoy's configuration stays the same: a
    changed CONFIG needs `extproc down` and `extproc up`.

    If the new Envoy does not start, the running one continues to serve, and the exit code is 1. If the parent of an
    earlier restart still has requests in flight, the command waits for them. Without CONFIG, the only running gateway
    is restarted.
    """
    run = find_run(config)
    if run is None:
        raise Failure("nothing to restart: no `extproc up` is running" + (f" for {config}." if config else "."))
    click.echo(f"restarting the Envoy of {run.config} …", err=True)
    with process_of(run) as process:
        _replace(run, process, time.monotonic() + timeout)
    click.echo("the new Envoy is live; the parent process is draining.", err=True)


def _replace(run: Run, process: Process | None, deadline: float) -> None:
    """Return when a new Envoy is live.

    Raises:
        Failure: it is not by *deadline*, or cannot be started.
    """
    waiting = ""
    while process is not None:
        done = _request_restart(run, process, deadline)
        if not done.problem:
            return
        if not done.retryable or time.monotonic() > deadline:
            raise Failure(f"Envoy was not restarted: {done.problem}")
        if not waiting:
            waiting = done.problem
            click.echo(f"waiting: {waiting}", err=True)
        process.exits_within(_RETRY_INTERVAL)
    raise Failure("Envoy was not restarted: `extproc up` has exited.")


def _request_restart(run: Run, process: Process, deadline: float) -> progress.Progress:
    """Request one restart, and return its result."""
    before = progress.read(Path(run.directory))
    if before is None or not process.send(RESTART_SIGNAL):
        raise Failure("Envoy was not restarted: this `extproc up` has exited or is of another version.")
    while (now := progress.read(Path(run.directory))) is None or now.done <= before.begun:
        if process.exits_within(_POLL):
            raise Failure("Envoy was not restarted: `extproc up` has exited.")
        if time.monotonic() > deadline:
            raise Failure("not done in time: `extproc up` continues, and logs the result.")
    return now
