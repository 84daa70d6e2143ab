"""The Envoy of a running gateway, and its replacement by a new one while requests are in flight."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import click

from extproc.exits import Failure
from extproc.gateway import envoy_admin, envoy_options
from extproc.gateway.envoy_admin import Lines
from extproc.gateway.hot_restart import progress
from extproc.gateway.hot_restart.child import NEW, check_new, start_new
from extproc.gateway.hot_restart.parent import Predecessor
from extproc.gateway.hot_restart.progress import Progress
from extproc.gateway.launch import ENVOY
from extproc.system.child_processes import ChildExited, RestartRequested

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.gateway.envoy_admin import Admin
    from extproc.gateway.launch import Launch
    from extproc.system.child_processes import ChildProcesses, Event

_BEFORE = "the Envoy before"

_POLL = 0.05
_TEND = 0.25
_GRACE = 5.0

_ARRIVING = 30.0
"""Seconds that a request may take on top of its timeout, before it is there and while its answer is read."""


class NotNow(Failure):
    """It may help to ask again later."""


class Envoys:
    """The Envoy that serves, and the one before it for as long as that answers requests.

    Mutable: knows which is which. There are never more than two: one that is replaced ends the one before it, whatever
    that still answers.
    """

    def __init__(self, launch: Launch, children: ChildProcesses, directory: Path) -> None:
        self.launch = launch
        self._children = children
        self._directory = directory
        self._admin: Admin = launch.admin
        self._epoch = 0
        self._before: Predecessor | None = None
        self._stand_in: int | None = None
        self._progress = Progress()

    def until_event(self) -> Event:
        """Replace Envoy whenever that is asked for, until something happens that ends it all."""
        self._tell(self._progress)
        while True:
            event = self._children.wait_or_restart(None if self._before is None else _TEND)
            if isinstance(event, RestartRequested):
                event = self._restart()
            self._tend()
            event = self._not_expected(event)
            if event is not None:
                return event

    def wait(self, seconds: float) -> Event | None:
        """Return the next thing that happens, other than the end of an Envoy that has been replaced."""
        return self._not_expected(self._children.wait(seconds))

    def stop_accepting(self) -> None:
        """Have new connections refused; the Envoy before refuses them already."""
        envoy_admin.stop_accepting(self._admin)

    def requests_in_flight(self) -> int:
        """Return how many requests of clients are not answered yet, as far as the Envoys say."""
        here = envoy_admin.requests_in_flight(self._admin) or 0
        return here if self._before is None else here + self._before.requests_in_flight()

    def _restart(self) -> Event | None:
        """Replace Envoy, tell who has asked how that went, and return what was more important."""
        self._tell(self._progress.begin())
        try:
            event = self._replace()
        except NotNow as failure:  # not logged: who has asked asks again, twice a second
            self._tell(self._progress.end(failure.message, for_now=True))
            return None
        except Failure as failure:
            click.echo(f"Envoy is not replaced: {failure.message}", err=True)
            self._tell(self._progress.end(failure.message))
            return None
        self._tell(self._progress.end("" if event is None else "it is being stopped."))
        return event

    def _replace(self) -> Event | None:
        if not envoy_options.is_used(self._directory):
            raise Failure(f"{envoy_options.why_unavailable() or 'its Envoy was started without hot restart'}.")
        event = self._part_with_the_one_before()
        if event is None:
            event = check_new(self.launch, self._children, self._directory, self._admin)
        if event is None:
            click.echo("starting a new Envoy …", err=True)
            # From here on it may be the new one that answers at the admin endpoint.
            lines = self._admin = self._admin if isinstance(self._admin, Lines) else Lines(self._admin)
            serving, next_epoch = self._children.pid(ENVOY), self._epoch + 1
            event = start_new(self.launch, self._children, self._directory, epoch=next_epoch, parent=serving)
            if self._children.has(NEW):
                self._hand_over(lines)
        return event

    def _hand_over(self, lines: Lines) -> None:
        launch = self.launch
        pid = self._children.pid(ENVOY)
        self._children.rename(ENVOY, _BEFORE)
        self._children.rename(NEW, ENVOY)
        self._epoch += 1
        self._admin = launch.admin
        longest = 2 * (launch.gateway.listener.timeout / 1000 + _ARRIVING)
        self._before = Predecessor(pid, launch.gateway.listener.port, lines, patience=longest)
        click.echo("the new Envoy serves; the one before finishes what it has begun.", err=True)

    def _part_with_the_one_before(self) -> Event | None:
        """See to it that only one Envoy is left; return what is more important, if there is such an event."""
        if self._before is not None:
            left = self._before.requests_in_flight()
            if left:
                raise NotNow(f"the Envoy before the one that serves still answers {left} request(s).")
            self._end_before(self._before)
        while self._before is not None:
            event = self.wait(_POLL)
            self._tend()
            if event is not None:
                return event
        return None

    def _tend(self) -> None:
        """End the Envoy before when it is done."""
        before = self._before
        if before is None:
            return
        if before.told_to_end is None:
            if before.is_done:
                self._end_before(before)
        elif time.monotonic() - before.told_to_end > _GRACE:
            self._children.send(_BEFORE, signal.SIGKILL)

    def _end_before(self, before: Predecessor) -> None:
        if before.told_to_end is None:
            before.told_to_end = time.monotonic()
            self._children.send(_BEFORE, signal.SIGTERM)

    def _not_expected(self, event: Event | None) -> Event | None:
        """Return *event*, unless it is that the Envoy before has ended."""
        before = self._before
        if before is None or not isinstance(event, ChildExited) or event.name != _BEFORE:
            return event
        lost = "" if before.told_to_end is not None else f" {event}: what it still answered is lost."
        click.echo(f"the Envoy before is gone after {before.age:.0f} s.{lost}", err=True)
        before.close()
        if self._stand_in is not None:
            os.close(self._stand_in)
        self._before, self._stand_in = None, envoy_options.stand_in(self._directory, self._epoch - 1)
        return None

    def _tell(self, now: Progress) -> None:
        self._progress = now
        progress.write(self._directory, now)
