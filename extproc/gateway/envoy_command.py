"""The command lines with which `up` starts Envoy."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.config.gateway import LogFormat
from extproc.gateway import envoy_options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extproc.gateway.launch import Launch
    from extproc.policy.units import Millis

_LOG_FORMAT: Mapping[LogFormat, str] = MappingProxyType(
    {
        LogFormat.TEXT: "[envoy %l] %v",
        LogFormat.JSON: '{"time": "%Y-%m-%dT%T.%e%z", "level": "%l", "event": "envoy", "message": "%j"}',
    }
)
"""The format that the sidecar logs in: both write to one standard error. `%j` is the message, escaped for JSON."""

FLUSHED_AFTER: Millis = 1_000
"""How late the line of a response that was cut may be: by default it is up to 10 s."""


def bootstrap_in(directory: Path) -> Path:
    """Return the path of Envoy's configuration in the run directory *directory*."""
    return directory / "envoy.yaml"


def envoy_command(launch: Launch, directory: Path, *, epoch: int = 0) -> list[str | Path]:
    """Return the command that starts the Envoy of *epoch*: 0 is the first, each child has the next."""
    concurrency = [] if launch.concurrency is None else ["--concurrency", str(launch.concurrency)]
    return [
        launch.envoy.path,
        "-c",
        bootstrap_in(directory),
        *envoy_options.options(directory, epoch),
        "--log-level",
        launch.envoy_log_level,
        # Envoy warns at every start and stop: of a limit that is not set, of the signal that it was sent. And of each
        # retry without a worker, dozens for a request, where the sidecar logs the worker's exit once.
        *(["--component-log-level", "main:error,ext_proc:error"] if launch.envoy_log_level == "warning" else []),
        "--log-format",
        _LOG_FORMAT[launch.gateway.sidecar.log_format],
        *("--file-flush-interval-msec", str(FLUSHED_AFTER)),
        *concurrency,
    ]


def check_command(envoy: Path, directory: Path) -> list[str | Path]:
    """Return the command that exits with code 0 if *envoy* accepts its configuration in the present environment."""
    return [envoy, "-c", bootstrap_in(directory), "--mode", "validate", "--log-level", "error", "--log-format", "%v"]
