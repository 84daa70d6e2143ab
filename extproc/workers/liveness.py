"""Whether a worker's event loop runs: a heartbeat in shared memory, and its supervisor's conclusions.

A hung worker keeps its sockets open: only its missing heartbeats show it. They are missing, too, if it is starved of
CPU time or busy with a large body, and killing it would then make things worse. So they count only while the process is
neither running nor runnable (proc_pid_stat(5)), or after it has used more CPU time than any request needs.
"""

from __future__ import annotations

import asyncio
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BEAT_INTERVAL: Final = 0.2
CHECK_INTERVAL: Final = 0.2
"""Seconds between two heartbeats, and between two checks."""

HANG_TIMEOUT: Final = 1.0
"""Seconds without a heartbeat after which a worker that does not run is hung. With the start of its replacement,
requests are served within two seconds."""

START_TIMEOUT: Final = 10.0
"""The same for a worker that does not serve yet: to look up the name of a host or a group may take seconds, and its
connections are not there to be waited for."""

SPIN_LIMIT: Final = 10.0
"""Seconds of CPU time without a heartbeat after which a worker that runs is hung: a body of 64 MB takes a part of
that."""

MISSED_CHECKS: Final = 1.0
"""Seconds without a check after which missing heartbeats do not count: the supervisor itself was stopped or starved."""

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")

# Running or runnable; in uninterruptible sleep, in which no signal is delivered; stopped by a debugger.
_EXCUSED: Final = frozenset("RDt")


class Heartbeat:
    """A counter that a worker increments and its supervisor reads, in memory that a fork shares.

    Mutable. One byte, because a write of one byte is never half done.
    """

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, 1)

    @property
    def count(self) -> int:
        """How often it has beaten, modulo 256."""
        return self._page[0]

    def beat(self) -> None:
        """Increment the counter."""
        self._page[0] = (self._page[0] + 1) % 256

    async def run(self) -> None:
        """Beat for as long as the event loop runs; never returns."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_INTERVAL)

    def close(self) -> None:
        """Release the memory."""
        self._page.close()


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What the kernel says of a process: the state of its main thread, and the seconds of processor time used."""

    state: str
    cpu: float

    @classmethod
    def of(cls, pid: int) -> ProcessState:
        """Return the state of the process *pid*; one of which nothing is known counts as runnable."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except OSError:
            return cls("R", 0.0)
        fields = text.rpartition(")")[2].split()  # the name of the program, in parentheses, may hold anything
        return cls(fields[0], (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND)


class LivenessCheck:
    """What has been seen of one worker. Mutable: remembers the last heartbeat, and the last look since then."""

    def __init__(self, now: float) -> None:
        self._count: int | None = None
        self._heard = now
        self._checked = now
        self._cpu: float | None = None  # when the silence was noticed
        self._last: ProcessState | None = None

    def silence(self, now: float) -> float:
        """Return for how many seconds no heartbeat has been seen."""
        return now - self._heard

    def is_hung(self, count: int, process: Callable[[], ProcessState], now: float, *, timeout: float) -> bool:
        """Return whether the worker hangs, whose heartbeat says *count*; *process* is asked only when it is silent.

        *timeout* is `HANG_TIMEOUT`, or `START_TIMEOUT` before it serves.
        """
        missed = now - self._checked > MISSED_CHECKS
        self._checked = now
        if count != self._count or missed:
            self._count, self._heard, self._cpu, self._last = count, now, None, None
            return False
        if self.silence(now) < timeout - CHECK_INTERVAL:
            return False
        seen, before = process(), self._last
        self._last = seen
        if self._cpu is None:
            self._cpu = seen.cpu
        if seen.cpu - self._cpu > SPIN_LIMIT:
            return True
        # Twice in a row, without any processor time in between: once may be a moment.
        idle = before is not None and seen.cpu == before.cpu and _EXCUSED.isdisjoint({seen.state, before.state})
        return idle and self.silence(now) >= timeout
