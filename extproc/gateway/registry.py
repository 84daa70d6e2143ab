"""The registry of running gateways on this host, by configuration file: `down` and `restart` look them up."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import select
import shutil
import signal
import stat
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from extproc.addresses import parse_address
from extproc.exits import Failure
from extproc.gateway import envoy_options
from extproc.gateway.notices import Notice

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from extproc.addresses import Address
    from extproc.gateway.notices import Report

DIRECTORY_PREFIX = "extproc-"
"""The prefix of every run directory's name; no other directory is ever removed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One `extproc up` that has become healthy.

    A process id is reused after its process has exited; together with the start time it is unique.
    """

    pid: int
    started: int  # clock ticks since boot (proc_pid_stat(5))
    config: str
    url: str
    directory: str  # the run directory: sockets, Envoy's configuration
    admin: Address  # Envoy's admin endpoint

    @property
    def alive(self) -> bool:
        """Whether this process still runs."""
        return start_time(self.pid) == self.started


def start_time(pid: int) -> int | None:
    """Return when process *pid* started, in clock ticks since boot; None if there is no such process."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command's name in parentheses and may hold anything; starttime is the 22nd.
    state, *fields = status.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])


class Process:
    """The process of a run, by a pidfd, which never refers to another process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, number: signal.Signals) -> bool:
        """Send it a signal, and return whether it still existed."""
        try:
            signal.pidfd_send_signal(self._descriptor, number)
        except ProcessLookupError:
            return False
        return True

    def exits_within(self, seconds: float) -> bool:
        """Wait for its exit, and return whether it exited within *seconds*."""
        return bool(select.select([self._descriptor], [], [], seconds)[0])


@contextmanager
def process_of(run: Run) -> Generator[Process | None]:
    """Provide the process of *run*, or None if it has exited.

    The pidfd is opened before the start time is compared, so that a reused process id is noticed.
    """
    try:
        descriptor = os.pidfd_open(run.pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield Process(descriptor) if run.alive else None
    finally:
        os.close(descriptor)


def stop_run(run: Run, *, seconds: float) -> bool:
    """Send the process of *run* SIGTERM, wait for its exit, and return whether it exited within *seconds*."""
    with process_of(run) as process:
        return process is None or not process.send(signal.SIGTERM) or process.exits_within(seconds)


class Runs:
    """The records of running gateways, one file each in a directory of the user."""

    def __init__(self, directory: Path, *, owners: frozenset[int] = frozenset()) -> None:
        self.directory = directory
        self._owners = owners | {os.geteuid()}

    @classmethod
    def of_user(cls, environ: Mapping[str, str]) -> Runs:
        """Return the records of the user: the same for a login session, cron and sudo -E.

        Raises:
            Failure: another user could have written them. They name a process to stop and a directory to remove.
        """
        state = environ.get("XDG_STATE_HOME")
        behind_sudo = environ.get("SUDO_UID", "")
        owners: set[int] = {int(behind_sudo)} if os.geteuid() == 0 and behind_sudo.isdecimal() else set()
        runs = cls((Path(state) if state else Path.home() / ".local" / "state") / "extproc", owners=frozenset(owners))
        runs.check()
        return runs

    def check(self) -> None:
        """Check that no other user can write to the directory.

        Raises:
            Failure: another user can.
        """
        try:
            found = self.directory.stat()
        except OSError:  # there are no records, or none that can be read
            return
        if found.st_uid not in self._owners or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Failure(
                f"{self.directory}: other users can write to this directory, so its records of running gateways "
                "are not trusted. Set its mode to 0700, or XDG_STATE_HOME to a directory of your own."
            )

    @contextmanager
    def registered(self, run: Run, report: Report) -> Generator[None]:
        """Register *run* while the context lasts; if the directory is not writable, only a warning is reported."""
        try:
            self._add(run)
        except OSError as error:
            problem = f"{error.filename}: {error.strerror}"
            text = f"`extproc down` and `restart` will not find this gateway: {problem}"
            report(Notice("gateway_not_registered", text, {"problem": problem}, logging.WARNING))
        try:
            yield
        finally:
            self._remove(run)

    def _add(self, run: Run) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        record = self._file(Path(run.config), ".json")
        draft = record.with_suffix(f".{run.pid}")
        draft.write_text(json.dumps({**asdict(run), "admin": str(run.admin)}))
        draft.replace(record)  # atomic

    def find(self, config: Path) -> Run | None:
        """Return the run of *config*, or None; the files of a killed run are removed."""
        run = self._read(self._file(config, ".json"))
        if run is None or run.alive:
            return run
        self._remove(run)
        if Path(run.directory).name.startswith(DIRECTORY_PREFIX):
            envoy_options.forget(Path(run.directory))
            shutil.rmtree(run.directory, ignore_errors=True)
        return None

    def __iter__(self) -> Iterator[Run]:
        for record in sorted(self.directory.glob("*.json")):
            run = self._read(record)
            if run is not None and run.alive:
                yield run

    def log_of(self, config: Path) -> Path:
        """Return the log file of a detached run of *config*."""
        return self._file(config, ".log")

    def new_log_of(self, config: Path) -> BinaryIO:
        """Open that file, truncated, with mode 0600."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        descriptor = os.open(self.log_of(config), flags, 0o600)
        os.fchmod(descriptor, 0o600)  # it may exist already, with another mode
        return os.fdopen(descriptor, "wb")

    def _file(self, config: Path, suffix: str) -> Path:
        path = config.resolve()
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        return self.directory / f"{path.stem}-{digest}{suffix}"

    def _remove(self, run: Run) -> None:
        """Remove the record of *run*, unless a newer run has replaced it."""
        if self._read(self._file(Path(run.config), ".json")) == run:
            self._file(Path(run.config), ".json").unlink(missing_ok=True)

    @staticmethod
    def _read(record: Path) -> Run | None:
        try:
            values = json.loads(record.read_text())
            fields: dict[str, Any] = {**values, "admin": parse_address(values["admin"])}
            return Run(**fields)
        except (
            FileNotFoundError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
        ):  # no record, or another version's
            return None
