"""The hot restart of a running gateway's Envoy."""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import TYPE_CHECKING

from extproc.exits import Failure
from extproc.gateway import envoy_admin, envoy_options
from extproc.gateway.envoy_admin import PinnedConnections
from extproc.gateway.hot_restart import progress
from extproc.gateway.hot_restart.child import CHILD, check_child, start_child
from extproc.gateway.hot_restart.parent import ParentEnvoy
from extproc.gateway.hot_restart.progress import Progress
from extproc.gateway.launch import ENVOY
from extproc.gateway.notices import Notice
from extproc.system.child_processes import ChildExited, RestartRequested

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.gateway.envoy_admin import Admin
    from extproc.gateway.launch import Launch
    from extproc.gateway.notices import Report
    from extproc.system.child_processes import ChildProcesses, Event

_PARENT = "the parent Envoy"

_POLL = 0.05
_PARENT_POLL = 0.25
_KILL_DELAY = 5.0

_TRANSFER = 30.0
"""Seconds on top of a request's timeout for receiving the request and sending the response."""


class RestartPostponed(Failure):
    """A restart that is not possible now and may be later."""


class Envoys:
    """The Envoy that serves, and its parent while that drains.

    Mutable: keeps track of both processes. There are never more than two: an Envoy that is replaced terminates its own
    parent, with whatever requests it still has.
    """

    def __init__(self, launch: Launch, children: ChildProcesses, directory: Path, report: Report) -> None:
        self.launch = launch
        self.report = report
        self._children = children
        self._directory = directory
        self._admin: Admin = launch.admin
        self._epoch = 0
        self._parent: ParentEnvoy | None = None
        self._placeholder: int | None = None
        self._progress = Progress()

    def until_event(self) -> Event:
        """Restart Envoy at each request, and return the first event that stops the gateway."""
        self._publish(self._progress)
        while True:
            event = self._children.wait_or_restart(None if self._parent is None else _PARENT_POLL)
            if isinstance(event, RestartRequested):
                event = self._restart()
            self._reap_parent()
            event = self._unless_parent_exited(event)
            if event is not None:
                return event

    def wait(self, seconds: float) -> Event | None:
        """Return the next event other than the exit of a parent Envoy; None after *seconds*."""
        return self._unless_parent_exited(self._children.wait(seconds))

    def stop_accepting(self) -> None:
        """Have Envoy refuse new connections; a parent refuses them already."""
        envoy_admin.stop_accepting(self._admin)

    def requests_in_flight(self) -> int:
        """Return the number of client requests in flight, as far as both processes report it."""
        here = envoy_admin.requests_in_flight(self._admin) or 0
        return here if self._parent is None else here + self._parent.requests_in_flight()

    def _restart(self) -> Event | None:
        """Restart Envoy, publish the result, and return an event that took precedence, if one occurred."""
        self._publish(self._progress.begin())
        try:
            event = self._replace()
        except RestartPostponed as failure:  # not logged: `extproc restart` repeats the request twice a second
            self._publish(self._progress.end(str(failure), retryable=True))
            return None
        except Failure as failure:
            text = f"Envoy was not restarted: {failure}"
            self.report(Notice("envoy_not_restarted", text, {"problem": str(failure)}, logging.ERROR))
            self._publish(self._progress.end(str(failure)))
            return None
        self._publish(self._progress.end("" if event is None else "the gateway is stopping."))
        return event

    def _replace(self) -> Event | None:
        if not envoy_options.is_used(self._directory):
            raise Failure(f"{envoy_options.why_unavailable() or 'Envoy was started without hot restart'}.")
        event = self._wait_for_parent()
        if event is None:
            event = check_child(self.launch, self._children, self._directory, self._admin)
        if event is None:
            self.report(Notice("envoy_restarting", "starting a new Envoy …", {"epoch": self._epoch + 1}))
            # From here on the child may respond at the admin endpoint's address.
            pinned = self._admin = (
                self._admin if isinstance(self._admin, PinnedConnections) else PinnedConnections(self._admin)
            )
            serving, next_epoch = self._children.pid(ENVOY), self._epoch + 1
            event = start_child(self.launch, self._children, self._directory, epoch=next_epoch, parent=serving)
            if self._children.has(CHILD):
                self._promote_child(pinned)
        return event

    def _promote_child(self, pinned: PinnedConnections) -> None:
        launch = self.launch
        pid = self._children.pid(ENVOY)
        self._children.rename(ENVOY, _PARENT)
        self._children.rename(CHILD, ENVOY)
        self._epoch += 1
        self._admin = launch.admin
        longest = 2 * (launch.gateway.listener.timeout / 1000 + _TRANSFER)
        self._parent = ParentEnvoy(pid, launch.gateway.listener.port, pinned, timeout=longest)
        text = "the new Envoy is live; the parent process is draining."
        self.report(Notice("envoy_restarted", text, {"epoch": self._epoch}))

    def _wait_for_parent(self) -> Event | None:
        """Wait until the last restart's parent has exited; return an event that takes precedence, if one occurs."""
        if self._parent is not None:
            left = self._parent.requests_in_flight()
            if left:
                raise RestartPostponed(f"the parent process of the last restart has {left} request(s) in flight.")
            self._terminate_parent(self._parent)
        while self._parent is not None:
            event = self.wait(_POLL)
            self._reap_parent()
            if event is not None:
                return event
        return None

    def _reap_parent(self) -> None:
        """Terminate the parent once it has drained, and kill it if it does not exit."""
        parent = self._parent
        if parent is None:
            return
        if parent.terminated_at is None:
            if parent.has_drained:
                self._terminate_parent(parent)
        elif time.monotonic() - parent.terminated_at > _KILL_DELAY:
            self._children.send(_PARENT, signal.SIGKILL)

    def _terminate_parent(self, parent: ParentEnvoy) -> None:
        if parent.terminated_at is None:
            parent.terminated_at = time.monotonic()
            self._children.send(_PARENT, signal.SIGTERM)

    def _unless_parent_exited(self, event: Event | None) -> Event | None:
        """Return *event*, or None if it is the exit of the parent, which is handled here."""
        parent = self._parent
        if parent is None or not isinstance(event, ChildExited) or event.name != _PARENT:
            return event
        self.report(_parent_exited(event, parent))
        parent.close()
        if self._placeholder is not None:
            os.close(self._placeholder)
        self._parent, self._placeholder = None, envoy_options.placeholder_socket(self._directory, self._epoch - 1)
        return None

    def _publish(self, state: Progress) -> None:
        self._progress = state
        progress.write(self._directory, state)


def _parent_exited(event: ChildExited, parent: ParentEnvoy) -> Notice:
    text, fields = (
        f"the parent Envoy exited {parent.age:.0f} s after the restart.",
        {"after_ms": int(parent.age * 1000)},
    )
    if parent.terminated_at is not None:
        return Notice("parent_envoy_exited", text, fields)
    problem = f"{event}: its requests in flight are lost."
    return Notice("parent_envoy_exited", f"{text} {problem}", {**fields, "problem": problem}, logging.WARNING)
