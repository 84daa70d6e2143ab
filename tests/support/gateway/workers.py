"""A sidecar that has lost all of its workers."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from support.waiting import eventually_sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.gateway.up import Up


@contextmanager
def no_worker(up: Up) -> Iterator[None]:
    """Kill all workers, and keep the sidecar from replacing them while the context lasts.

    Also those that it has only just started: a test before this one may have ended the ones before them.
    """
    sidecar = up.sidecar
    try:
        eventually_sync(lambda: _stopped_with_workers(sidecar), what="there is a worker to be lost")
        for pid in _children(sidecar):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        yield
    finally:
        os.kill(sidecar, signal.SIGCONT)


def _stopped_with_workers(sidecar: int) -> bool:
    """Stop *sidecar* while it has workers; let it go on, and start some, when it has none just then."""
    os.kill(sidecar, signal.SIGSTOP)
    eventually_sync(lambda: _state(sidecar) == "T", what=f"process {sidecar} has stopped")
    if _children(sidecar):
        return True
    os.kill(sidecar, signal.SIGCONT)
    return False


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
