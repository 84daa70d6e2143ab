"""A stream for log lines that are written in batches, by a thread of its own.

A line costs a system call, and the reader of the log may be slow: neither may delay a request.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH: Final = 0.05
"""Seconds for which lines gather: what a process that is killed may leave unwritten."""

MOST_WAITING: Final = 100_000
"""Lines that may wait for a reader that does not read; further ones are dropped and counted."""

_FAREWELL: Final = 2.0
"""Seconds for which the end of a process waits for a reader that does not read."""


class LineStream(Protocol):
    """What lines are written to: as much of a text file as that takes."""

    def write(self, text: str, /) -> object:
        """Write *text*."""

    def flush(self) -> None:
        """Have it reach the reader."""


class LineWriter:
    """Writes to *stream* what is written to it, in order, within `BATCH` and the time that *stream* takes.

    *dropped* returns the line that says how many lines had to be dropped. Close it: what waits is written then, and
    what comes later is written at once.
    """

    def __init__(self, stream: LineStream, dropped: Callable[[int], str]) -> None:
        self._stream = stream
        self._dropped_line = dropped
        self._dropped = 0
        self._lines: deque[str] = deque()
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="extproc-log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Have *text*, which is one line or several, written soon."""
        if self._stopped:
            self._stream.write(text)
        elif len(self._lines) >= MOST_WAITING:
            self._dropped += 1
        else:
            self._lines.append(text)
            if not self._wake.is_set():
                self._wake.set()

    def flush(self) -> None:
        """Do nothing: lines are flushed when they are written."""
        if self._stopped:
            self._stream.flush()

    def close(self) -> None:
        """Write what waits, and from now on everything at once."""
        if not self._stopped:
            self._stopped = True
            self._wake.set()
            self._thread.join(_FAREWELL)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.wait()
            if not self._stopped:
                time.sleep(BATCH)
            self._wake.clear()
            self._write_waiting()

    def _write_waiting(self) -> None:
        text = "".join([self._lines.popleft() for _ in range(len(self._lines))])
        dropped, self._dropped = self._dropped, 0
        if dropped:
            text += self._dropped_line(dropped)
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the reader of the log has gone: that is no reason to stop serving
            pass
