"""Starting a worker by fork(2).

A new Python interpreter takes about a second of CPU to import what a worker needs; the fork of a process that has
imported it serves within some tens of milliseconds. That is safe because this process has one thread and has never used
gRPC or asyncio.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.exits import ExitCode
from extproc.observe.log import log_event
from extproc.system.errors import ListenError
from extproc.system.parent_death import parent_death_signal, set_process_name
from extproc.transport.failure import describe
from extproc.workers.liveness import Heartbeat
from extproc.workers.worker import run_worker

if TYPE_CHECKING:
    from extproc.addresses import Address
    from extproc.workers.worker import WorkerConfig

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

SERVING, REFUSED = "serving", "refused"
"""First words of a worker's only report: the address that it serves on follows, or the reason why it cannot."""

_FIRST_OWN = 3  # after stdin, stdout and stderr


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker's process and the descriptors that the supervisor has of it."""

    pid: int
    exited: int  # a pidfd, which becomes readable when it exits
    report: int  # the read end of the pipe of its report
    broker: socket.socket  # the broker's end of its block replication
    heartbeat: Heartbeat

    def signal(self, number: signal.Signals) -> None:
        """Send it *number*; it is reaped by `reap` alone, so that its process id cannot have been reused."""
        os.kill(self.pid, number)

    def reap(self) -> int:
        """Reap it, close all descriptors, and return its exit code, or minus the signal that terminated it."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.exited)
        os.close(self.report)
        self.broker.close()
        self.heartbeat.close()
        return os.waitstatus_to_exitcode(status)


def fork_worker(config: WorkerConfig, listen: Address) -> WorkerProcess:
    """Start a worker that serves on *listen*."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    heartbeat = Heartbeat()
    die_with_parent = parent_death_signal()
    # A signal that reached the child before it has reset the handlers would be taken for one to the parent.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    pid = os.fork()
    if pid == 0:
        code = int(ExitCode.FAILED)
        try:
            _detach(keep=(theirs.fileno(), writing))
            die_with_parent()
            code = _run(config, listen, theirs, writing, heartbeat)
        finally:  # whatever happens: the child must not go on running the parent's code
            os._exit(code)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    os.close(writing)
    return WorkerProcess(pid, os.pidfd_open(pid), reading, ours, heartbeat)


def _detach(keep: tuple[int, int]) -> None:
    """Give up the parent's signal handlers, terminal and descriptors: siblings must see EOF when the parent dies."""
    signal.set_wakeup_fd(-1)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    set_process_name("extproc-worker")
    low, high = sorted(keep)
    for first, end in ((_FIRST_OWN, low), (low + 1, high), (high + 1, os.sysconf("SC_OPEN_MAX"))):
        os.closerange(first, end)


def _run(config: WorkerConfig, listen: Address, broker: socket.socket, report: int, heartbeat: Heartbeat) -> int:
    try:
        return run_worker(config, listen, broker, lambda address: _report(report, f"{SERVING} {address}"), heartbeat)
    except ListenError as error:
        _report(report, f"{REFUSED} {error}")
    except EOFError:  # the parent died, and so must the worker
        pass
    except Exception as error:  # noqa: BLE001 -- the process's boundary: no caller is left to log it
        log_event("worker_failed", describe(error), level=logging.ERROR)
    return ExitCode.FAILED


def _report(report: int, text: str) -> None:
    os.write(report, text.encode())
    os.close(report)
