"""A sidecar that has lost all of its workers."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.up import Up

_PATIENCE = 10.0


@contextmanager
def no_worker(up: Up) -> Iterator[None]:
    """Kill all workers, and keep the sidecar from replacing them while the context lasts.

    Also those that it has only just started: a test before this one may have ended the ones before them.
    """
    sidecar = up.sidecar
    os.kill(sidecar, signal.SIGSTOP)
    try:
        _until_stopped(sidecar)
        for pid in _children(sidecar):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        yield
    finally:
        os.kill(sidecar, signal.SIGCONT)


def _until_stopped(pid: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while _state(pid) != "T":
        assert time.monotonic() < deadline, f"process {pid} has not stopped"
        time.sleep(0.001)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
