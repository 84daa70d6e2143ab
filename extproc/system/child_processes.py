"""Child processes that live and end together, watched by one loop without threads or handlers."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self, TypeAlias

from extproc.exits import Failure
from extproc.system.parent_death import tether

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

_STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

_FOREVER = 365 * 86_400.0
"""sigtimedwait needs a number; a year is one that a loop may well wake up after."""

RESTART_SIGNAL = signal.SIGUSR1
"""Asks for a new Envoy: SIGHUP, which many servers take for that, already tells that the terminal has gone."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody wants us to stop: Ctrl-C, SIGTERM, or the terminal has gone."""


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """Somebody wants a new Envoy: `extproc restart`."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A child has ended by itself. *status* is its exit code, or minus the signal that ended it."""

    name: str
    status: int

    def __str__(self) -> str:
        how = f"with exit code {self.status}" if self.status >= 0 else f"by {signal.Signals(-self.status).name}"
        return f"{self.name} has ended {how}"


News: TypeAlias = StopAsked | Ended


class Family:
    """The children of this process; leaving the context ends those that are left.

    Mutable: owns the running processes and, while it lasts, the signals that concern them. The signals are blocked
    and taken one by one in `wait`, so that nothing is ever interrupted half-way and no handler runs.
    """

    def __init__(self, *, grace: float = 5) -> None:
        self._grace = grace
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        # Blocked signals arrive even when they are ignored, and that of a terminal that goes is, under nohup.
        ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
        self._watched = {*_STOP_SIGNALS, RESTART_SIGNAL, signal.SIGCHLD} - ignored
        self._mask: set[int] = set()

    def __enter__(self) -> Self:
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, self._watched))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(tuple(self._children)):
            self.end(name)
        while signal.sigtimedwait(self._watched, 0) is not None:  # what came meanwhile has been done: we are ending
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def start(
        self, name: str, command: Sequence[str | Path], *, output: Path | None = None, errors: Path | None = None
    ) -> None:
        """Start *command* in a session of its own: a Ctrl-C at the terminal reaches us alone, and we tell the rest.

        What it writes to standard output goes to *output* and its errors to *errors*, or where ours go.

        Raises:
            Failure: when it cannot be started.
        """
        with ExitStack() as stack:
            sinks = [None if file is None else stack.enter_context(file.open("wb")) for file in (output, errors)]
            self._children[name] = _started(name, command, *sinks)

    def pid(self, name: str) -> int:
        """Return the process id of the child *name*."""
        return self._children[name].pid

    def has(self, name: str) -> bool:
        """Tell whether there is a child *name* whose end has not been news."""
        return name in self._children

    def rename(self, name: str, to: str) -> None:
        """Tell news of the child *name* under another one from now on."""
        self._children[to] = self._children.pop(name)

    def send(self, name: str, number: signal.Signals) -> None:
        """Send the child *name* a signal; its end will be news."""
        self._children[name].send_signal(number)

    def kill(self, name: str) -> None:
        """End the child *name* at once; that is no news."""
        child = self._children.pop(name)
        child.kill()
        child.wait()

    def wait(self, seconds: float | None = None) -> News | None:
        """Return the next thing that happens, or None when nothing has for *seconds* (None: wait for ever).

        Being asked for a restart waits until `wait_or_restart` looks for it.
        """
        news = self._next(seconds, self._watched - {RESTART_SIGNAL})
        return None if isinstance(news, RestartAsked) else news

    def wait_or_restart(self, seconds: float | None = None) -> News | RestartAsked | None:
        """Return the next thing that happens, or None when nothing has for *seconds* (None: wait for ever)."""
        return self._next(seconds, self._watched)

    def end(self, name: str) -> None:
        """End the child *name*: politely, and for good when its grace is over or we are asked once more."""
        child = self._children.pop(name)
        if child.poll() is None:
            child.terminate()
            deadline = time.monotonic() + self._grace
            while child.poll() is None:
                arrived = signal.sigtimedwait(self._watched, max(0.0, deadline - time.monotonic()))
                if arrived is None or arrived.si_signo in _STOP_SIGNALS:
                    child.kill()
                    child.wait()

    def _next(self, seconds: float | None, watched: set[signal.Signals]) -> News | RestartAsked | None:
        deadline = None if seconds is None else time.monotonic() + seconds
        while (ended := self._next_ended()) is None:
            left = _FOREVER if deadline is None else max(0.0, deadline - time.monotonic())
            arrived = signal.sigtimedwait(watched, left)
            if arrived is None:
                return None
            if arrived.si_signo in _STOP_SIGNALS:
                return StopAsked()
            if arrived.si_signo == RESTART_SIGNAL:
                return RestartAsked()
        return ended

    def _next_ended(self) -> Ended | None:
        for name, child in self._children.items():
            status = child.poll()
            if status is not None:
                del self._children[name]
                return Ended(name, status)
        return None


def _started(
    name: str, command: Sequence[str | Path], stdout: IO[bytes] | None, stderr: IO[bytes] | None
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 -- our own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=tether(),  # noqa: PLW1509 -- safe: this process has one thread
        )
    except OSError as error:
        raise Failure(f"{name} cannot be started: {command[0]}: {error.strerror}") from error
