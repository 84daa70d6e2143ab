"""Sidecar and Envoy, started together from one configuration and ended together."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from extproc.cli.exits import ExitCode, Failure
from extproc.cli.family import StopAsked
from extproc.cli.health import Endpoint, health_of, requests_in_flight, stop_accepting
from extproc.cli.ports import reachable, require_free
from extproc.cli.runs import DIRECTORY_PREFIX
from extproc.cli.secret_files import write_secrets

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.cli.envoy_binary import EnvoyBinary
    from extproc.cli.family import Family, News
    from extproc.config.gateway import Gateway

SIDECAR = "the sidecar"
ENVOY = "Envoy"
_CODES = {ENVOY: ExitCode.ENVOY_ENDED, SIDECAR: ExitCode.SIDECAR_ENDED}

_POLL = 0.05
_LONGEST_SOCKET_PATH = 107  # bytes in sun_path, less the final NUL


@dataclass(frozen=True, slots=True)
class Launch:
    """What `up` starts, and with how much patience."""

    config: Path
    gateway: Gateway
    envoy: EnvoyBinary
    envoy_log_level: str
    concurrency: int | None
    workers: int
    start_timeout: float
    grace: float

    @property
    def edge(self) -> Endpoint:
        """Where clients reach the gateway from this host."""
        return Endpoint(reachable(self.gateway.listener.address), self.gateway.listener.port)

    @property
    def admin(self) -> Endpoint:
        """Envoy's own admin endpoint."""
        host, _, port = self.gateway.envoy.admin.rpartition(":")
        return Endpoint(reachable(host.strip("[]")), int(port))


def private_directory() -> tempfile.TemporaryDirectory[str]:
    """Return a new directory for the socket and Envoy's file that only this user can enter (mode 0700)."""
    directory = tempfile.TemporaryDirectory(prefix=DIRECTORY_PREFIX)
    if len(_socket_in(directory.name)) <= _LONGEST_SOCKET_PATH - len(".255"):
        return directory
    directory.cleanup()
    return tempfile.TemporaryDirectory(prefix=DIRECTORY_PREFIX, dir="/tmp")


def start(launch: Launch, family: Family, directory: Path) -> News | None:
    """Start both, wait until the edge is healthy, and return None; or what happened before it was.

    Raises:
        Failure: when a port is in use, or the edge is not healthy in time.
    """
    gateway = launch.gateway
    host, _, port = gateway.envoy.admin.rpartition(":")
    require_free(gateway.listener.address, gateway.listener.port, what=f"{launch.config}: listeners[].port")
    require_free(host.strip("[]"), int(port), what=f"{launch.config}: envoy.admin")
    listen = f"unix:{_socket_in(str(directory))}"
    click.echo("starting the sidecar …", err=True)
    family.start(SIDECAR, _sidecar_command(launch, listen))
    # The classes of Envoy's configuration take more than a second to import: time in which the sidecar gets ready.
    from extproc.cli.envoy_config import envoy_config  # noqa: PLC0415

    bootstrap = directory / "envoy.yaml"
    bootstrap.write_text(envoy_config(_as_started(launch, listen, directory)))
    click.echo(f"starting Envoy {launch.envoy.version} …", err=True)
    family.start(ENVOY, _envoy_command(launch, bootstrap))
    return _until_healthy(launch, family)


def _as_started(launch: Launch, listen: str, directory: Path) -> Gateway:
    """Return the gateway with everything where it is in this run, Envoy's secret files among it."""
    gateway, secrets = launch.gateway, directory / "secrets"
    write_secrets(gateway, secrets)
    return replace(
        gateway,
        sidecar=replace(gateway.sidecar, listen=listen, workers=launch.workers),
        envoy=replace(gateway.envoy, secrets=str(secrets)),
    )


def _until_healthy(launch: Launch, family: Family) -> News | None:
    deadline = time.monotonic() + launch.start_timeout
    while (status := health_of(launch.edge)) != 200:
        if time.monotonic() > deadline:
            told = "nothing" if status is None else str(status)
            raise Failure(f"not healthy after {launch.start_timeout:g} s: {launch.edge}/healthz answers {told}.")
        news = family.wait(_POLL)
        if news is not None:
            return news
    return None


def stay(launch: Launch, family: Family) -> ExitCode:
    """Wait until there is news, act on it, and return what the exit code has to say."""
    while (news := family.wait()) is None:
        pass
    return finish(news, launch, family)


def finish(news: News, launch: Launch, family: Family) -> ExitCode:
    """Return what the exit code has to say about *news*, once requests in flight have had their time.

    Being asked once more, or the end of either process, cuts that time short. Leaving *family* ends what is left.
    """
    if isinstance(news, StopAsked):
        click.echo("stopping: requests in flight may finish (once more to stop at once) …", err=True)
        cut_short = _drain(launch, family)
        if cut_short is None:
            return ExitCode.OK
        if isinstance(cut_short, StopAsked):
            return ExitCode.FORCED
        news = cut_short
    click.echo(f"{news}: everything else is ended too.", err=True)
    return _CODES.get(news.name, ExitCode.FAILED)


def _drain(launch: Launch, family: Family) -> News | None:
    stop_accepting(launch.admin)
    deadline = time.monotonic() + launch.grace
    while left := requests_in_flight(launch.admin):
        if time.monotonic() > deadline:
            click.echo(f"{left} request(s) not finished after {launch.grace:g} s are cut off.", err=True)
            return None
        news = family.wait(_POLL)
        if news is not None:
            return news
    return None


def _sidecar_command(launch: Launch, listen: str) -> list[str | Path]:
    options = ["--listen", listen, "--workers", str(launch.workers)]
    return [sys.executable, "-m", "extproc", "serve", *options, "--", launch.config]


def _envoy_command(launch: Launch, bootstrap: Path) -> list[str | Path]:
    concurrency = [] if launch.concurrency is None else ["--concurrency", str(launch.concurrency)]
    return [
        launch.envoy.path,
        "-c",
        bootstrap,
        "--disable-hot-restart",  # no shared memory region: any number of gateways on one host
        "--log-level",
        launch.envoy_log_level,
        # Of its own starting and stopping Envoy warns every time: a limit that is not set, the signal that we sent.
        *(["--component-log-level", "main:error"] if launch.envoy_log_level == "warning" else []),
        "--log-format",
        "[envoy %l] %v",
        *concurrency,
    ]


def _socket_in(directory: str) -> str:
    return f"{directory}/sidecar.sock"
