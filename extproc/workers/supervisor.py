"""The sidecar's workers: started, restarted, kept informed and ended by one loop without threads."""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import socket
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from extproc.exits import ExitCode, Failure
from extproc.observe.log import log_event
from extproc.system.parent_death import set_process_name
from extproc.workers.block_hub_sockets import Switchboard
from extproc.workers.process import REFUSED, SERVING, STOP_SIGNALS, Child, fork
from extproc.workers.respawn_backoff import pause_before_restart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from extproc.workers.worker import Duty

_PIECE = 65536

_LAST_RESORT = 5.0
"""Seconds after its grace in which a worker that was told to stop must have ended."""


class _Place:
    """One worker's address, and whoever serves there now. Mutable: processes come and go."""

    def __init__(self, number: int, address: str) -> None:
        self.number = number
        self.address = address
        self.child: Child | None = None
        self.serving = False
        self.refusal = ""
        self.started = 0.0
        self.failures = 0  # starts in a row that came to nothing
        self.due: float | None = None  # when to start again


class Workers:
    """All workers of a sidecar. Mutable: owns their processes and, while it runs, the signals to stop."""

    def __init__(self, duty: Duty) -> None:
        self._duty = duty
        self._places = [_Place(number, address) for number, address in enumerate(duty.gateway.sidecar.addresses)]
        self._selector = selectors.DefaultSelector()
        self._switchboard = Switchboard(self._selector, duty.clock)
        self._ready = False
        self._asked = 0
        self._deadline: float | None = None
        self._failure: Failure | None = None

    def run(self) -> ExitCode:
        """Keep one worker at each address until we are asked to stop, and return when all have ended.

        Raises:
            Failure: when one of them cannot begin at all.
        """
        set_process_name("extproc-sidecar")
        gc.collect()
        gc.freeze()  # what all workers share stays shared: the collector writes to whatever it looks at
        with self._stop_signals():
            try:
                for place in self._places:
                    self._start(place)
                while not self._stopping or any(place.child for place in self._places):
                    self._once()
            finally:
                for place in self._places:
                    if place.child is not None:
                        place.child.signal(signal.SIGKILL)
                        place.child.reap()
        if self._failure is not None:
            raise self._failure
        return ExitCode.FORCED if self._asked > 1 else ExitCode.OK

    @property
    def _stopping(self) -> bool:
        return self._deadline is not None

    def _once(self) -> None:
        """Take note of what happens next, or of the time that has come."""
        times = [place.due for place in self._places if place.due is not None]
        if self._deadline is not None:
            times.append(self._deadline)
        pause = max(0.0, min(times) - time.monotonic()) if times else None
        for key, _ in self._selector.select(pause):
            if key.fd in self._selector.get_map():  # what came before may have ended what this is about
                key.data()
        now = time.monotonic()
        for place in self._places:
            if place.due is not None and place.due <= now:
                self._start(place)
        if self._deadline is not None and self._deadline <= now:
            self._signal_all(signal.SIGKILL)
            self._deadline = now + _LAST_RESORT

    def _start(self, place: _Place) -> None:
        child = fork(self._duty, place.address)
        place.child, place.due, place.serving, place.refusal = child, None, False, ""
        place.started = time.monotonic()
        self._watch(child.ended, partial(self._ended, place, child))
        self._watch(child.report, partial(self._reported, place, child))
        self._switchboard.join(place.number, child.hub)

    def _reported(self, place: _Place, child: Child) -> None:
        self._selector.unregister(child.report)
        what, _, text = os.read(child.report, _PIECE).decode().partition(" ")
        if what == REFUSED:
            place.refusal = text
        if what != SERVING:
            return
        place.serving, place.address = True, text
        if self._ready:
            log_event("worker_serving", {"worker": place.number, "listen": place.address})
        elif all(one.serving for one in self._places):
            self._ready = True
            listen = " ".join(one.address for one in self._places)
            targets = len(self._duty.gateway.catalog.targets)
            log_event("ready", {"listen": listen, "targets": targets, "workers": len(self._places)})

    def _ended(self, place: _Place, child: Child) -> None:
        """Clear away what is left of *child*, last words first, and see to it that another takes its place."""
        if child.report in self._selector.get_map():
            self._reported(place, child)
        self._selector.unregister(child.ended)
        self._switchboard.leave(place.number)
        status = child.reap()
        place.child = None
        if self._stopping:
            return
        how = f"exit code {status}" if status >= 0 else signal.Signals(-status).name
        if not self._ready and not place.serving:
            self._failure = Failure(place.refusal or f"worker {place.number} has ended before it served: {how}")
            self._stop()
            return
        lived = time.monotonic() - place.started
        place.failures = 0 if place.serving else place.failures + 1
        pause = pause_before_restart(failures=place.failures, lived=lived, crashed=status != ExitCode.OK)
        place.due = time.monotonic() + pause
        fields: dict[str, str | int] = {"worker": place.number, "how": how, "restart_in_ms": int(pause * 1000)}
        if place.refusal:
            fields["problem"] = place.refusal
        log_event("worker_ended", fields, level=logging.WARNING)

    def _stop(self) -> None:
        for place in self._places:
            place.due = None
        self._signal_all(signal.SIGTERM)
        self._deadline = time.monotonic() + self._duty.grace / 1000 + _LAST_RESORT

    def _signal_all(self, number: signal.Signals) -> None:
        for place in self._places:
            if place.child is not None:
                place.child.signal(number)

    def _asked_to_stop(self, arrived: socket.socket) -> None:
        for _ in arrived.recv(_PIECE):
            self._asked += 1
            if self._asked > 1:
                self._signal_all(signal.SIGKILL)
            elif not self._stopping:
                log_event("stopping", {"grace_ms": self._duty.grace})
                self._stop()

    def _watch(self, descriptor: int, act: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, act)

    @contextmanager
    def _stop_signals(self) -> Iterator[None]:
        """Take over Ctrl-C and SIGTERM: they become something to read like everything else."""
        arrived, told = socket.socketpair()
        with arrived, told, self._selector:
            told.setblocking(False)
            self._watch(arrived.fileno(), partial(self._asked_to_stop, arrived))
            for number in STOP_SIGNALS:
                signal.signal(number, lambda *_: None)  # for good: one that comes late has nothing left to stop
            signal.set_wakeup_fd(told.fileno())
            try:
                yield
            finally:
                signal.set_wakeup_fd(-1)
