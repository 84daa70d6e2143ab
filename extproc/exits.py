"""What the exit codes say, and the one way to end a command early with a message."""

from __future__ import annotations

from enum import IntEnum

import click

TABLE = """\b
Exit codes:
  0    done, or stopped because it was asked to (Ctrl-C, SIGTERM, `extproc down`)
  1    failed: a port is in use, not healthy in time, not stopped in time
  2    wrong usage of the command line
  3    the configuration file is missing or wrong
  4    no usable Envoy: none found, or older than 1.37
  5    Envoy has ended by itself
  6    the sidecar has ended by itself
  130  stopped at once by a second Ctrl-C or SIGTERM
"""
"""Shown at the end of every `--help`; `\\b` keeps click from wrapping it."""


class ExitCode(IntEnum):
    """How a command ended, for scripts; `TABLE` tells people the same."""

    OK = 0
    FAILED = 1
    USAGE = 2  # click's own
    BAD_CONFIG = 3
    NO_ENVOY = 4
    ENVOY_ENDED = 5
    SIDECAR_ENDED = 6
    FORCED = 130


class Failure(click.ClickException):
    """The command cannot go on: the message goes to standard error as it is, never with a traceback."""

    exit_code = ExitCode.FAILED


class BadConfig(Failure):
    """The configuration file is missing or wrong."""

    exit_code = ExitCode.BAD_CONFIG


class NoEnvoy(Failure):
    """There is no Envoy that can be started."""

    exit_code = ExitCode.NO_ENVOY
