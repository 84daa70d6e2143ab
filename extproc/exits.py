"""Exit codes of the commands, and the errors that lead to them."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """How a command ended, for scripts; `--help` says the same."""

    OK = 0
    FAILED = 1
    USAGE = 2  # click's own
    BAD_CONFIG = 3
    NO_ENVOY = 4
    ENVOY_ENDED = 5
    SIDECAR_ENDED = 6
    FORCED = 130


class Failure(Exception):  # noqa: N818 -- none of ours: a port in use, a file that is missing
    """The command cannot go on; the text is for whoever has started it, and is shown without a traceback."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class BadConfig(Failure):
    """The configuration file is missing or wrong."""

    exit_code = ExitCode.BAD_CONFIG


class NoEnvoy(Failure):
    """There is no Envoy that can be started."""

    exit_code = ExitCode.NO_ENVOY
