"""Running a started gateway until it is stopped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from extproc.exits import ExitCode
from extproc.gateway.launch import ENVOY, SIDECAR
from extproc.system.child_processes import StopRequested

if TYPE_CHECKING:
    from extproc.gateway.hot_restart.coordinator import Envoys
    from extproc.system.child_processes import Event

_CODES = {ENVOY: ExitCode.ENVOY_ENDED, SIDECAR: ExitCode.SIDECAR_ENDED}
_POLL = 0.05


def run_until_stopped(envoys: Envoys) -> ExitCode:
    """Keep the gateway running until an event stops it, and return the exit code."""
    return shut_down(envoys.until_event(), envoys)


def shut_down(event: Event, envoys: Envoys) -> ExitCode:
    """Drain requests in flight after *event*, and return the exit code.

    Another request to stop, or the exit of a process, ends the grace period. Leaving the context of the child processes
    terminates them.
    """
    if isinstance(event, StopRequested):
        click.echo("stopping: waiting for requests in flight (repeat the signal to stop at once) …", err=True)
        interrupted = _drain(envoys)
        if interrupted is None:
            return ExitCode.OK
        if isinstance(interrupted, StopRequested):
            return ExitCode.FORCED
        event = interrupted
    click.echo(f"{event}: stopping the other processes.", err=True)
    return _CODES.get(event.name, ExitCode.FAILED)


def _drain(envoys: Envoys) -> Event | None:
    envoys.stop_accepting()
    grace = envoys.launch.grace
    deadline = time.monotonic() + grace
    while left := envoys.requests_in_flight():
        if time.monotonic() > deadline:
            click.echo(f"{left} request(s) still in flight after {grace:g} s are aborted.", err=True)
            return None
        event = envoys.wait(_POLL)
        if event is not None:
            return event
    return None
