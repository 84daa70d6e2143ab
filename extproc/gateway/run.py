"""Running a started gateway until it is stopped."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from extproc.exits import ExitCode
from extproc.gateway.launch import ENVOY, SIDECAR
from extproc.gateway.notices import Notice
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
        text = "stopping: waiting for requests in flight (repeat the signal to stop at once) …"
        envoys.report(Notice("gateway_stopping", text, {"grace_ms": int(envoys.launch.grace * 1000)}))
        interrupted = _drain(envoys)
        if interrupted is None:
            return ExitCode.OK
        if isinstance(interrupted, StopRequested):
            return ExitCode.FORCED
        event = interrupted
    text = f"{event}: stopping the other processes."
    envoys.report(Notice("process_exited", text, {"problem": str(event)}, logging.ERROR))
    return _CODES.get(event.name, ExitCode.FAILED)


def _drain(envoys: Envoys) -> Event | None:
    envoys.stop_accepting()
    grace = envoys.launch.grace
    deadline = time.monotonic() + grace
    while left := envoys.requests_in_flight():
        if time.monotonic() > deadline:
            text = f"{left} request(s) still in flight after {grace:g} s are aborted."
            envoys.report(Notice("requests_aborted", text, {"requests": left}, logging.WARNING))
            return None
        event = envoys.wait(_POLL)
        if event is not None:
            return event
    return None
