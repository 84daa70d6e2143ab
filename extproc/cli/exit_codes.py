"""How commands end: what `--help` says of it, and how a failure is shown."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from extproc.exits import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@contextmanager
def failures_shown() -> Iterator[None]:
    """Show a failure that is raised inside on standard error, and end the command with its exit code."""
    try:
        yield
    except Failure as failure:
        click.echo(f"Error: {failure}", err=True)
        raise click.exceptions.Exit(failure.exit_code) from failure
