"""The toy sidecar as a process of its own: for what cannot be done to a thread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.toys.sidecar import ToySidecar

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Worker:
    """A running worker."""

    pid: int
    address: str

    def stop(self) -> None:
        """Make it hang: it keeps its connections and does nothing any more."""
        os.kill(self.pid, signal.SIGSTOP)


@contextmanager
def a_worker_process() -> Iterator[Worker]:
    """Start a worker, tell where it listens, kill it at last."""
    process = subprocess.Popen(
        [sys.executable, "-m", "support.toys.process"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield Worker(process.pid, process.stdout.readline().strip())
        finally:
            process.kill()


if __name__ == "__main__":
    with ToySidecar() as sidecar:
        print(sidecar.address, flush=True)  # noqa: T201 -- that is how the parent learns it
        sys.stdin.read()  # until the parent goes
