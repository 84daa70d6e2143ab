"""`extproc up` as a user starts it, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from support.gateway import credentials
from support.gateway.processes import marked_processes
from support.waiting import NotInTimeError, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping
    from pathlib import Path

_STOP = 45.0
_MARK = "EXTPROC_TEST_RUN"
TROUBLE = ("Traceback (most recent call last)", " ERROR ", "[envoy error]", "[envoy critical]")


@dataclass(frozen=True, slots=True)
class Up:
    """A running `extproc up` and all that it has started."""

    process: subprocess.Popen[bytes]
    config: Path
    log: Path
    environ: Mapping[str, str]
    mark: str  # in the environment of all its processes

    @property
    def output(self) -> str:
        """Everything written to standard output and standard error so far."""
        return self.log.read_text(errors="replace")

    @property
    def processes(self) -> dict[int, str]:
        """Names and command lines of all its processes that still run, by process id."""
        return marked_processes(_MARK, self.mark)

    @property
    def envoys(self) -> list[int]:
        """Ids of its Envoys: two for some time after a restart, the oldest first."""
        return [pid for pid, command in sorted(self.processes.items()) if "--restart-epoch" in command]

    async def restart(self) -> None:
        """Have it replace its Envoy, as a user does: `extproc restart CONFIG` in a process of its own."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "extproc", "restart", self.config),
            env=self.environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            told, _ = await process.communicate()
        except asyncio.CancelledError:
            process.terminate()
            await process.communicate()
            raise
        assert process.returncode == 0, f"{told.decode()}\n{self.output}"

    @property
    def workers(self) -> list[int]:
        """Ids of the sidecar's workers that run now, the oldest first."""
        return self._named("extproc-worker")

    @property
    def sidecar(self) -> int:
        """Id of the process that starts the workers."""
        return self._named("extproc-sidecar")[0]  # a worker that has just been started may have the name still

    def _named(self, name: str) -> list[int]:
        return [pid for pid, command in sorted(self.processes.items()) if command.startswith(f"{name}: ")]


@asynccontextmanager
async def running_up(
    config: Path, url: str, *, environ: Mapping[str, str] | None = None, trouble: Collection[str] = TROUBLE
) -> AsyncIterator[Up]:
    """Start `extproc up CONFIG`, wait until *url* is healthy, and end it at last.

    When it has ended: exit code 0, no process of it left, no *trouble* in what it wrote, and no credential there or in
    its processes' command lines.
    """
    up = _start(config, environ or {})
    try:
        await _until_healthy(up, url)
        commands = up.processes
        assert {name for name in ("--restart-epoch", " up ") if any(name in one for one in commands.values())} == {
            "--restart-epoch",
            " up ",
        }, f"these are not all its processes: {commands}"
        yield up
    except BaseException as error:
        error.add_note(f"`extproc up` wrote:\n{up.output}")
        await _end(up)
        raise
    await _end(up)
    assert up.process.returncode == 0, f"exit code {up.process.returncode}\n{up.output}"
    for leak in credentials.ALL:
        assert leak not in up.output, "a credential was written out"
        assert not any(leak in command for command in commands.values()), "a credential is in a command line"
    for told in trouble:
        assert told not in up.output, up.output


def _start(config: Path, environ: Mapping[str, str]) -> Up:
    mark = uuid.uuid4().hex
    log = config.with_suffix(".log")
    # Its record of what runs goes beside the configuration, not to the home of whoever runs the tests.
    environ = {**os.environ, "XDG_STATE_HOME": str(config.parent), **environ}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "extproc", "up", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**environ, _MARK: mark},
        )
    return Up(process, config, log, environ, mark)


async def _until_healthy(up: Up, url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=2) as client:

        async def is_healthy() -> bool:
            assert up.process.poll() is None, f"`up` ended with {up.process.returncode}\n{up.output}"
            return await _is_healthy(client, url)

        await eventually(is_healthy, what=lambda: f"`up` is healthy\n{up.output}")


async def _is_healthy(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/healthz")).status_code == 200
    except httpx.TransportError:
        return False


async def _end(up: Up) -> None:
    """End *up* politely; whatever is left after its time is killed and told."""
    if up.process.poll() is None:
        up.process.terminate()
    with suppress(NotInTimeError):
        await eventually(lambda: up.process.poll() is not None, within=_STOP)
    left = up.processes
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    await eventually(lambda: up.process.poll() is not None)
    assert not left, f"left running: {left}\n{up.output}"
