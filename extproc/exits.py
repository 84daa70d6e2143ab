"""Exit codes of the commands, and the errors that lead to them."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The exit codes of commands, as documented in `--help`."""

    OK = 0
    FAILED = 1
    USAGE = 2  # click's own
    BAD_CONFIG = 3
    NO_ENVOY = 4
    ENVOY_ENDED = 5
    SIDECAR_ENDED = 6
    FORCED = 130


class Failure(Exception):  # noqa: N818 -- no bug: a port in use, a missing file
    """An expected failure of a command; its message is printed without a traceback."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class BadConfig(Failure):
    """The configuration file is missing or invalid."""

    exit_code = ExitCode.BAD_CONFIG


class NoEnvoy(Failure):
    """There is no usable Envoy."""

    exit_code = ExitCode.NO_ENVOY
