"""Starting sidecar and Envoy together from one configuration."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.addresses import UnixAddress
from extproc.exits import Failure
from extproc.gateway import envoy_options
from extproc.gateway.envoy_admin import health_of
from extproc.gateway.envoy_command import bootstrap_in, envoy_command
from extproc.gateway.launch import ENVOY, SIDECAR
from extproc.gateway.notices import Notice
from extproc.gateway.registry import DIRECTORY_PREFIX
from extproc.gateway.secret_files import write_secrets
from extproc.system.ports import require_free, require_vacant

if TYPE_CHECKING:
    from collections.abc import Generator

    from extproc.addresses import Address
    from extproc.config.gateway import Gateway
    from extproc.gateway.launch import Launch
    from extproc.gateway.notices import Report
    from extproc.system.child_processes import ChildProcesses, Event

_POLL = 0.05
_SOCKET = "sidecar.sock"
_LONGEST_SOCKET_PATH = 107  # bytes in sun_path, less the final NUL


@contextmanager
def private_directory() -> Generator[str]:
    """Provide a new run directory (mode 0700) for sockets and Envoy's files."""
    directory = tempfile.TemporaryDirectory(prefix=DIRECTORY_PREFIX)
    if len(directory.name) > _LONGEST_SOCKET_PATH - len(envoy_options.LONGEST_SOCKET):
        directory.cleanup()
        directory = tempfile.TemporaryDirectory(prefix=DIRECTORY_PREFIX, dir="/tmp")
    with directory as name:
        try:
            yield name
        finally:
            envoy_options.forget(Path(name))


def start(launch: Launch, children: ChildProcesses, directory: Path, report: Report) -> Event | None:
    """Start both and wait until the edge is healthy; return None then, or the event that occurred before.

    Raises:
        Failure: a port is in use, or the edge is not healthy in time.
    """
    gateway = launch.gateway
    require_free(gateway.listener.address, gateway.listener.port, what=f"{launch.config}: listeners[].port")
    require_vacant(launch.admin_address, what=f"{launch.config}: envoy.admin")
    listen = UnixAddress(directory / _SOCKET)
    report(Notice("sidecar_starting", "starting the sidecar …", {"workers": launch.workers}))
    children.start(SIDECAR, _sidecar_command(launch, listen))
    # Importing the classes of Envoy's configuration takes more than a second, during which the sidecar starts.
    from extproc.gateway.envoy_config import envoy_config  # noqa: PLC0415

    bootstrap_in(directory).write_text(envoy_config(_in_run_directory(launch, listen, directory)))
    version = str(launch.envoy.version)
    report(Notice("envoy_starting", f"starting Envoy {version} …", {"version": version}))
    children.start(ENVOY, envoy_command(launch, directory))
    return _until_healthy(launch, children)


def _in_run_directory(launch: Launch, listen: Address, directory: Path) -> Gateway:
    """Return the gateway with the paths of this run; write Envoy's secret files."""
    gateway, secrets = launch.gateway, directory / "secrets"
    write_secrets(gateway, secrets)
    return replace(
        gateway,
        sidecar=replace(gateway.sidecar, listen=listen, workers=launch.workers),
        envoy=replace(gateway.envoy, secrets=str(secrets)),
    )


def _until_healthy(launch: Launch, children: ChildProcesses) -> Event | None:
    deadline = time.monotonic() + launch.start_timeout
    while (status := health_of(launch.edge)) != 200:
        if time.monotonic() > deadline:
            result = "no response" if status is None else f"status {status}"
            raise Failure(f"not healthy after {launch.start_timeout:g} s: {launch.edge}/healthz: {result}.")
        event = children.wait(_POLL)
        if event is not None:
            return event
    return None


def _sidecar_command(launch: Launch, listen: Address) -> list[str | Path]:
    options = ["--listen", str(listen), "--workers", str(launch.workers)]
    return [sys.executable, "-m", "extproc", "serve", *options, "--", launch.config]
