"""Starting a worker as a copy of this process.

A new Python takes about a second of CPU to load what a worker needs; a copy of one that has loaded it serves within
some tens of milliseconds. That is safe because this process has one thread and has never used gRPC or asyncio.
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
from extproc.system.parent_death import parent_death_signal, set_process_name
from extproc.transport.errors import ListenError
from extproc.transport.failure import describe
from extproc.workers.worker import work

if TYPE_CHECKING:
    from extproc.workers.worker import Duty

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

SERVING, REFUSED = "serving", "refused"
"""First words of a worker's one report: on which address it serves, or why it cannot."""

_FIRST_OWN = 3  # after standard input, output and error


@dataclass(frozen=True, slots=True)
class Child:
    """A worker's process, and what ties us to it."""

    pid: int
    ended: int  # a descriptor that becomes readable when it has
    report: int  # where its report can be read
    hub: socket.socket  # our end of what it tells the hub and is told

    def signal(self, number: signal.Signals) -> None:
        """Send it *number*; it is not reaped before we look, so this never reaches a stranger."""
        os.kill(self.pid, number)

    def reap(self) -> int:
        """Return how it ended, as an exit code or minus a signal, and let go of everything."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.ended)
        os.close(self.report)
        self.hub.close()
        return os.waitstatus_to_exitcode(status)


def fork(duty: Duty, listen: str) -> Child:
    """Start a worker that serves on *listen*."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    in_child = parent_death_signal()
    # A signal that reached the child before it has let go of our handlers would be taken for one to us.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    pid = os.fork()
    if pid == 0:
        code = int(ExitCode.FAILED)
        try:
            _let_go(keep=(theirs.fileno(), writing))
            in_child()
            code = _worked(duty, listen, theirs, writing)
        finally:  # whatever happens: this copy must not go on as the one it is a copy of
            os._exit(code)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    os.close(writing)
    return Child(pid, os.pidfd_open(pid), reading, ours)


def _let_go(keep: tuple[int, int]) -> None:
    """Leave our parent's signals, terminal and open files alone: siblings must see it hang up when it has gone."""
    signal.set_wakeup_fd(-1)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    set_process_name("extproc-worker")
    low, high = sorted(keep)
    for first, end in ((_FIRST_OWN, low), (low + 1, high), (high + 1, os.sysconf("SC_OPEN_MAX"))):
        os.closerange(first, end)


def _worked(duty: Duty, listen: str, hub: socket.socket, report: int) -> int:
    try:
        return work(duty, listen, hub, lambda address: _tell(report, f"{SERVING} {address}"))
    except ListenError as error:
        _tell(report, f"{REFUSED} {error}")
    except EOFError:  # our parent has gone, and so must we
        pass
    except Exception as error:  # noqa: BLE001 -- the process's boundary: nobody else is left to say it
        log_event("worker_failed", describe(error), level=logging.ERROR)
    return ExitCode.FAILED


def _tell(report: int, text: str) -> None:
    os.write(report, text.encode())
    os.close(report)
