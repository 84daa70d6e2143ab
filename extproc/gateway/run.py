"""What `up` does once it serves, until its end."""

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


def stay(envoys: Envoys) -> ExitCode:
    """Keep the gateway up until something ends it, and return what the exit code has to say."""
    return finish(envoys.until_event(), envoys)


def finish(event: Event, envoys: Envoys) -> ExitCode:
    """Return what the exit code has to say about *event*, once requests in flight have had their time.

    Being asked once more, or the end of either process, cuts that time short. Leaving the children ends what is left.
    """
    if isinstance(event, StopRequested):
        click.echo("stopping: requests in flight may finish (once more to stop at once) …", err=True)
        cut_short = _drain(envoys)
        if cut_short is None:
            return ExitCode.OK
        if isinstance(cut_short, StopRequested):
            return ExitCode.FORCED
        event = cut_short
    click.echo(f"{event}: everything else is ended too.", err=True)
    return _CODES.get(event.name, ExitCode.FAILED)


def _drain(envoys: Envoys) -> Event | None:
    envoys.stop_accepting()
    grace = envoys.launch.grace
    deadline = time.monotonic() + grace
    while left := envoys.requests_in_flight():
        if time.monotonic() > deadline:
            click.echo(f"{left} request(s) not finished after {grace:g} s are cut off.", err=True)
            return None
        event = envoys.wait(_POLL)
        if event is not None:
            return event
    return None
