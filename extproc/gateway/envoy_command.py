"""How `up` starts Envoy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.gateway import envoy_options

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.gateway.launch import Launch
    from extproc.policy.units import Millis

FLUSHED_AFTER: Millis = 1_000
"""How late the line of a response that was cut may be: by default it is up to 10 s."""


def bootstrap_in(directory: Path) -> Path:
    """Return where Envoy's configuration is in a run that has *directory* to itself."""
    return directory / "envoy.yaml"


def envoy_command(launch: Launch, directory: Path, *, epoch: int = 0) -> list[str | Path]:
    """Return the command that starts the Envoy of *epoch*: 0 is the first, each that replaces it has the next."""
    concurrency = [] if launch.concurrency is None else ["--concurrency", str(launch.concurrency)]
    return [
        launch.envoy.path,
        "-c",
        bootstrap_in(directory),
        *envoy_options.options(directory, epoch),
        "--log-level",
        launch.envoy_log_level,
        # Of its own starting and stopping Envoy warns every time: a limit that is not set, the signal that we sent.
        # And of each try that meets no worker: dozens for a request, where the sidecar tells a worker's end once.
        *(["--component-log-level", "main:error,ext_proc:error"] if launch.envoy_log_level == "warning" else []),
        "--log-format",
        "[envoy %l] %v",
        *("--file-flush-interval-msec", str(FLUSHED_AFTER)),
        *concurrency,
    ]


def check_command(envoy: Path, directory: Path) -> list[str | Path]:
    """Return the command that ends with exit code 0 when *envoy* accepts its configuration as things are now."""
    return [envoy, "-c", bootstrap_in(directory), "--mode", "validate", "--log-level", "error", "--log-format", "%v"]
