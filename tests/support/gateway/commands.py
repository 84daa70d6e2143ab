"""`extproc` as a user starts it: a process of its own, with records and temporary files of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from extproc.cli import main
from extproc.gateway.environment import CA_DIRECTORY, CA_FILE, PROXIES
from support.gateway.processes import marked_processes
from support.waiting import DEADLINE, eventually_sync

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


_UNSAID: Mapping[str, str | None] = dict.fromkeys((*PROXIES, CA_FILE, CA_DIRECTORY))
"""What the environment of the tests themselves may say about providers is not for their commands."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


def invoke(*arguments: str | Path, environ: Mapping[str, str] | None = None) -> Finished:
    """Run `extproc` with *arguments* in this process: for commands that start none and take no signals.

    *environ* is what its environment has besides.
    """
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], env={**_UNSAID, **(environ or {})})
    return Finished(done.exit_code, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Home:
    """A place where commands run, apart from all others."""

    directory: Path
    more: Mapping[str, str] = field(default_factory=dict)  # in the environment of its commands

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its commands: records and temporary files are here."""
        here = str(self.directory)
        around = {name: value for name, value in os.environ.items() if name not in _UNSAID}
        return {**around, "XDG_STATE_HOME": here, "TMPDIR": here, "EXTPROC_TEST_HOME": here, **self.more}

    def run(self, *arguments: str | Path) -> Finished:
        """Run `extproc` with *arguments* to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "extproc", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def running(self, *arguments: str | Path, until: str, through: Sequence[str] = ()) -> Iterator[Running]:
        """Run `extproc` with *arguments* until the context is left; it is entered once it has printed *until*.

        *through* is a command that runs what follows it.
        """
        handle, name = tempfile.mkstemp(prefix="output-", dir=self.directory)
        log = Path(name)
        with os.fdopen(handle, "wb") as sink:
            process = subprocess.Popen(
                [*through, sys.executable, "-m", "extproc", *arguments],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        running = Running(process, log)
        try:
            eventually_sync(
                lambda: until in running.output or process.poll() is not None,
                what=lambda: f"{until!r} in\n{running.output}",
            )
            assert until in running.output, f"ended with {process.returncode}:\n{running.output}"
            yield running
        finally:
            if process.poll() is None:
                process.terminate()
                running.wait()

    @property
    def processes(self) -> dict[int, str]:
        """Names and command lines of everything that was started here and still runs, by process id."""
        return marked_processes("EXTPROC_TEST_HOME", str(self.directory))

    def process(self, part: str) -> int:
        """Return the id of the one process whose name or command line contains *part*."""
        (pid,) = self.all_of(part)
        return pid

    def all_of(self, part: str) -> list[int]:
        """Return the ids of the processes whose name or command line contains *part*, the oldest first."""
        return sorted(pid for pid, command in self.processes.items() if part in command)

    def assert_nothing_is_left(self) -> None:
        """Fail when anything that was started here still runs, or has left its private directory."""
        eventually_sync(lambda: not self.processes, what=lambda: f"end of {self.processes}")
        assert list(self.directory.glob("extproc-*")) == []


@dataclass(frozen=True, slots=True)
class Running:
    """A command that runs."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        """What it has written so far, to standard output and standard error."""
        return self.log.read_text(errors="replace")

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send it signal *number*, wait for its end, and return its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Return its exit code when it has ended."""
        code = self.process.wait(DEADLINE)
        assert "Traceback" not in self.output, self.output
        return code


@contextmanager
def a_home() -> Iterator[Home]:
    """Return a home with a short path: sockets' paths have a limit. What still runs there at the end is killed."""
    home = Home(Path(tempfile.mkdtemp(prefix="home-")))
    try:
        yield home
    finally:
        for pid in home.processes:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(home.directory, ignore_errors=True)
