"""Child processes that are started and stopped together, supervised by one loop without threads or signal handlers."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self, TypeAlias

from extproc.exits import Failure
from extproc.system.parent_death import parent_death_signal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

_STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

_FOREVER = 365 * 86_400.0
"""Seconds: sigtimedwait(2) needs a timeout; after a year the loop waits again."""

RESTART_SIGNAL = signal.SIGUSR1
"""Requests a restart of Envoy. Not SIGHUP, although many servers use it for that: here it means a closed terminal."""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """A request to stop: Ctrl-C, SIGTERM, or the terminal was closed."""


@dataclass(frozen=True, slots=True)
class RestartRequested:
    """A request for a new Envoy: `extproc restart`."""


@dataclass(frozen=True, slots=True)
class ChildExited:
    """A child exited on its own. *status* is its exit code, or minus the number of the signal that terminated it."""

    name: str
    status: int

    def __str__(self) -> str:
        if self.status >= 0:
            return f"{self.name} exited with code {self.status}"
        return f"{self.name} was killed by {signal.Signals(-self.status).name}"


Event: TypeAlias = StopRequested | ChildExited


class ChildProcesses:
    """The children of this process; leaving the context terminates those that still run.

    Mutable: owns the running processes and, inside the context, the signals that concern them. The signals are blocked
    and taken one by one in `wait`, so that no code is interrupted and no handler runs.
    """

    def __init__(self, *, grace: float = 5) -> None:
        self._grace = grace
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        # A blocked signal is delivered to sigtimedwait even if its disposition is SIG_IGN, as nohup sets it for SIGHUP.
        ignored: set[signal.Signals] = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
        self._watched = {*_STOP_SIGNALS, RESTART_SIGNAL, signal.SIGCHLD} - ignored
        self._mask: set[int] = set()

    def __enter__(self) -> Self:
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, self._watched))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(tuple(self._children)):
            self.terminate(name)
        while signal.sigtimedwait(self._watched, 0) is not None:  # pending requests to stop: they have been served
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def start(
        self, name: str, command: Sequence[str | Path], *, output: Path | None = None, errors: Path | None = None
    ) -> None:
        """Start *command* in a session of its own, so that a Ctrl-C at the terminal reaches this process alone.

        Standard output goes to *output* and standard error to *errors*; by default they are inherited.

        Raises:
            Failure: it cannot be started.
        """
        with ExitStack() as stack:
            sinks = [None if file is None else stack.enter_context(file.open("wb")) for file in (output, errors)]
            self._children[name] = _popen(name, command, *sinks)

    def pid(self, name: str) -> int:
        """Return the process id of the child *name*."""
        return self._children[name].pid

    def has(self, name: str) -> bool:
        """Return whether there is a child *name* whose exit has not been returned as an event."""
        return name in self._children

    def rename(self, name: str, to: str) -> None:
        """Give the child *name* the name *to* in all later events."""
        self._children[to] = self._children.pop(name)

    def send(self, name: str, number: signal.Signals) -> None:
        """Send the child *name* a signal; its exit will be an event."""
        self._children[name].send_signal(number)

    def kill(self, name: str) -> None:
        """Kill the child *name* and reap it; its exit is no event."""
        child = self._children.pop(name)
        child.kill()
        child.wait()

    def wait(self, seconds: float | None = None) -> Event | None:
        """Return the next event, or None if there is none within *seconds* (None: no timeout).

        A request to restart stays pending until `wait_or_restart` is called.
        """
        event = self._next(seconds, self._watched - {RESTART_SIGNAL})
        return None if isinstance(event, RestartRequested) else event

    def wait_or_restart(self, seconds: float | None = None) -> Event | RestartRequested | None:
        """Return the next event or request to restart, or None if there is none within *seconds* (None: no timeout)."""
        return self._next(seconds, self._watched)

    def terminate(self, name: str) -> None:
        """Send the child *name* SIGTERM, and SIGKILL after the grace period or at another request to stop; reap it."""
        child = self._children.pop(name)
        if child.poll() is None:
            child.terminate()
            deadline = time.monotonic() + self._grace
            while child.poll() is None:
                arrived = signal.sigtimedwait(self._watched, max(0.0, deadline - time.monotonic()))
                if arrived is None or arrived.si_signo in _STOP_SIGNALS:
                    child.kill()
                    child.wait()

    def _next(self, seconds: float | None, watched: set[signal.Signals]) -> Event | RestartRequested | None:
        deadline = None if seconds is None else time.monotonic() + seconds
        while (exited := self._next_exited()) is None:
            left = _FOREVER if deadline is None else max(0.0, deadline - time.monotonic())
            arrived = signal.sigtimedwait(watched, left)
            if arrived is None:
                return None
            if arrived.si_signo in _STOP_SIGNALS:
                return StopRequested()
            if arrived.si_signo == RESTART_SIGNAL:
                return RestartRequested()
        return exited

    def _next_exited(self) -> ChildExited | None:
        for name, child in self._children.items():
            status = child.poll()
            if status is not None:
                del self._children[name]
                return ChildExited(name, status)
        return None


def _popen(
    name: str, command: Sequence[str | Path], stdout: IO[bytes] | None, stderr: IO[bytes] | None
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 -- our own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=parent_death_signal(),  # noqa: PLW1509 -- safe: this process has one thread
        )
    except OSError as error:
        raise Failure(f"{name} cannot be started: {command[0]}: {error.strerror}") from error
