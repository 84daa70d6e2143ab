"""Exit codes in `--help`, and the output of a failure."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from extproc.exits import Failure

if TYPE_CHECKING:
    from collections.abc import Generator

TABLE = """\b
Exit codes:
  0    success, or stopped on request (Ctrl-C, SIGTERM, `extproc down`)
  1    failed: a port is in use, not healthy in time, not stopped in time
  2    usage error
  3    the configuration file is missing or invalid
  4    no usable Envoy: none found, or older than 1.37
  5    Envoy exited on its own
  6    the sidecar exited on its own
  130  stopped at once by a second Ctrl-C or SIGTERM
"""
"""Shown at the end of every `--help`; `\\b` keeps click from wrapping it."""


@contextmanager
def failures_shown() -> Generator[None]:
    """Print a failure that is raised inside on standard error, and exit with its code."""
    try:
        yield
    except Failure as failure:
        click.echo(f"Error: {failure}", err=True)
        raise click.exceptions.Exit(failure.exit_code) from failure
