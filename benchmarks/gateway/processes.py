"""Processes, and the time of the processor that they and their children have used."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TICKS = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # of proc_pid_stat(5), counted from behind the name


@contextmanager
def running(command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Keep *command* up; yield its process id. What it writes goes to *log*."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def seconds(pid: int) -> float:
    """Return the seconds of processor time that *pid* and all below it have used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return 0.0
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS + sum(seconds(int(child)) for child in children)
