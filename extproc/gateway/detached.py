"""`up --detach`: starting `up` as a background process."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.exits import Failure

if TYPE_CHECKING:
    from extproc.gateway.launch import Launch
    from extproc.gateway.registry import Run, Runs

_POLL = 0.05


@dataclass(frozen=True, slots=True)
class NotStarted:
    """An `up` that exited before it was healthy."""

    log: str
    exit_code: int


def start_detached(launch: Launch, runs: Runs) -> Run | NotStarted:
    """Start `up` as a process of its own, with its output in a log file; return its run once it is healthy.

    Raises:
        Failure: the log cannot be written.
    """
    log = runs.log_of(launch.config)
    try:
        opened = runs.new_log_of(launch.config)
    except OSError as error:
        raise Failure(f"{log}: cannot write the log: {error.strerror}") from error
    with opened as sink:
        child = subprocess.Popen(  # noqa: S603 -- this program
            [sys.executable, "-m", "extproc", "up", *_arguments(launch)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,  # it outlives this terminal
        )
    try:
        while child.poll() is None:
            run = runs.find(launch.config)
            if run is not None and run.pid == child.pid:
                return run
            time.sleep(_POLL)
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise
    return NotStarted(log.read_text(errors="replace"), child.returncode)


def _arguments(launch: Launch) -> list[str]:
    concurrency = [] if launch.concurrency is None else [f"--concurrency={launch.concurrency}"]
    return [
        f"--envoy-binary={launch.envoy.path}",
        f"--envoy-log-level={launch.envoy_log_level}",
        f"--workers={launch.workers}",
        f"--timeout={launch.start_timeout}",
        f"--grace={launch.grace}",
        *concurrency,
        "--",
        str(launch.config),
    ]
