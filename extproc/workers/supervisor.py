"""The supervisor of the sidecar's workers: one loop without threads starts, respawns and stops them."""

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

from extproc.addresses import parse_address
from extproc.exits import ExitCode, Failure
from extproc.observe.log import log_event
from extproc.system.parent_death import set_process_name
from extproc.workers.block_broker_sockets import BlockBrokerSockets
from extproc.workers.liveness import CHECK_INTERVAL, HANG_TIMEOUT, START_TIMEOUT, LivenessCheck, ProcessState
from extproc.workers.process import REFUSED, SERVING, STOP_SIGNALS, WorkerProcess, fork_worker
from extproc.workers.respawn_backoff import respawn_delay

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from extproc.addresses import Address
    from extproc.workers.worker import WorkerConfig

_READ_SIZE = 65536

_KILL_DELAY = 5.0
"""Seconds after the grace period before a worker that has not exited is killed."""


class _WorkerSlot:
    """One worker's address and its current process. Mutable: processes exit and are replaced."""

    def __init__(self, number: int, address: Address) -> None:
        self.number = number
        self.address = address
        self.process: WorkerProcess | None = None
        self.serving = False
        self.refusal = ""
        self.started = 0.0
        self.liveness = LivenessCheck(0.0)
        self.failures = 0  # consecutive starts that failed
        self.due: float | None = None  # when to start the next process


class Supervisor:
    """Runs the workers of a sidecar. Mutable: owns their processes and, while it runs, the handlers of stop signals."""

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        self._slots = [_WorkerSlot(number, address) for number, address in enumerate(config.gateway.sidecar.addresses)]
        self._selector = selectors.DefaultSelector()
        self._broker = BlockBrokerSockets(self._selector, config.clock)
        self._ready = False
        self._stop_requests = 0
        self._deadline: float | None = None
        self._next_check = 0.0
        self._failure: Failure | None = None

    def run(self) -> ExitCode:
        """Keep one worker at each address until a request to stop, and return when all have exited.

        Raises:
            Failure: a worker cannot serve at the first start.
        """
        set_process_name("extproc-sidecar")
        gc.collect()
        gc.freeze()  # copy-on-write: the collector would write to every object that the workers share
        with self._stop_signals():
            try:
                for slot in self._slots:
                    self._start(slot)
                while not self._stopping or any(slot.process for slot in self._slots):
                    self._poll()
            finally:
                for slot in self._slots:
                    if slot.process is not None:
                        slot.process.signal(signal.SIGKILL)
                        slot.process.reap()
        if self._failure is not None:
            raise self._failure
        return ExitCode.FORCED if self._stop_requests > 1 else ExitCode.OK

    @property
    def _stopping(self) -> bool:
        return self._deadline is not None

    def _poll(self) -> None:
        """Handle the next events, or the timer that expires first."""
        times = [self._next_check, *(slot.due for slot in self._slots if slot.due is not None)]
        if self._deadline is not None:
            times.append(self._deadline)
        for key, _ in self._selector.select(max(0.0, min(times) - time.monotonic())):
            if key.fd in self._selector.get_map():  # an event before this one may have unregistered it
                key.data()
        now = time.monotonic()
        for slot in self._slots:
            if slot.due is not None and slot.due <= now:
                self._start(slot)
        if self._next_check <= now:
            self._next_check = now + CHECK_INTERVAL
            self._kill_hung(now)
        if self._deadline is not None and self._deadline <= now:
            self._signal_all(signal.SIGKILL)
            self._deadline = now + _KILL_DELAY

    def _kill_hung(self, now: float) -> None:
        """Kill the workers that hang; those that are asked to stop have their grace period."""
        for slot in self._slots:
            if slot.process is None or self._stopping:
                continue
            state = partial(ProcessState.of, slot.process.pid)
            timeout = HANG_TIMEOUT if slot.serving else START_TIMEOUT
            if slot.liveness.is_hung(slot.process.heartbeat.count, state, now, timeout=timeout):
                silent = int(slot.liveness.silence(now) * 1000)
                log_event("worker_hung", {"worker": slot.number, "silent_ms": silent}, level=logging.WARNING)
                slot.process.signal(signal.SIGKILL)
                slot.liveness = LivenessCheck(now)

    def _start(self, slot: _WorkerSlot) -> None:
        process = fork_worker(self._config, slot.address)
        slot.process, slot.due, slot.serving, slot.refusal = process, None, False, ""
        slot.started = time.monotonic()
        slot.liveness = LivenessCheck(slot.started)
        self._watch(process.exited, partial(self._exited, slot, process))
        self._watch(process.report, partial(self._reported, slot, process))
        self._broker.subscribe(slot.number, process.broker)

    def _reported(self, slot: _WorkerSlot, process: WorkerProcess) -> None:
        self._selector.unregister(process.report)
        what, _, text = os.read(process.report, _READ_SIZE).decode().partition(" ")
        if what == REFUSED:
            slot.refusal = text
        if what != SERVING:
            return
        slot.serving, slot.address = True, parse_address(text)
        if self._ready:
            log_event("worker_serving", {"worker": slot.number, "listen": str(slot.address)})
        elif all(one.serving for one in self._slots):
            self._ready = True
            listen = " ".join(str(one.address) for one in self._slots)
            targets = len(self._config.gateway.catalog.targets)
            log_event("ready", {"listen": listen, "targets": targets, "workers": len(self._slots)})

    def _exited(self, slot: _WorkerSlot, process: WorkerProcess) -> None:
        """Release the resources of *process*, after reading what it still sent, and schedule its replacement."""
        if process.report in self._selector.get_map():
            self._reported(slot, process)
        self._selector.unregister(process.exited)
        self._broker.unsubscribe(slot.number)
        status = process.reap()
        slot.process = None
        if self._stopping:
            return
        how = f"exit code {status}" if status >= 0 else signal.Signals(-status).name
        if not self._ready and not slot.serving:
            self._failure = Failure(slot.refusal or f"worker {slot.number} exited before it served: {how}")
            self._stop()
            return
        lived = time.monotonic() - slot.started
        slot.failures = 0 if slot.serving else slot.failures + 1
        delay = respawn_delay(failures=slot.failures, lived=lived, crashed=status != ExitCode.OK)
        slot.due = time.monotonic() + delay
        fields: dict[str, str | int] = {"worker": slot.number, "how": how, "restart_in_ms": int(delay * 1000)}
        if slot.refusal:
            fields["problem"] = slot.refusal
        log_event("worker_ended", fields, level=logging.WARNING)

    def _stop(self) -> None:
        for slot in self._slots:
            slot.due = None
        self._signal_all(signal.SIGTERM)
        self._deadline = time.monotonic() + self._config.grace / 1000 + _KILL_DELAY

    def _signal_all(self, number: signal.Signals) -> None:
        for slot in self._slots:
            if slot.process is not None:
                slot.process.signal(number)

    def _stop_requested(self, arrived: socket.socket) -> None:
        for _ in arrived.recv(_READ_SIZE):
            self._stop_requests += 1
            if self._stop_requests > 1:
                self._signal_all(signal.SIGKILL)
            elif not self._stopping:
                log_event("stopping", {"grace_ms": self._config.grace})
                self._stop()

    def _watch(self, descriptor: int, act: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, act)

    @contextmanager
    def _stop_signals(self) -> Generator[None]:
        """Handle SIGINT and SIGTERM as readable bytes of a socket (signal.set_wakeup_fd)."""
        receiving, sending = socket.socketpair()
        with receiving, sending, self._selector:
            sending.setblocking(False)
            self._watch(receiving.fileno(), partial(self._stop_requested, receiving))
            for number in STOP_SIGNALS:
                signal.signal(number, lambda _number, _frame: None)  # not restored: a late signal has no worker to stop
            signal.set_wakeup_fd(sending.fileno())
            try:
                yield
            finally:
                signal.set_wakeup_fd(-1)
