"""The CONFIG argument: loading it, and printing its errors and warnings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.config.errors import ConfigError
from extproc.config.load import load
from extproc.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.config.errors import Problem
    from extproc.config.load import Loaded

CONFIG = click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
"""The argument of every command on a configuration file."""

WORKERS = click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes of the sidecar.  [default: sidecar.workers in CONFIG]"
)
"""The option of every command that starts the sidecar."""


def load_config(config: Path) -> Loaded:
    """Return the configuration in *config*.

    Raises:
        click.exceptions.Exit: it is invalid; all errors have been printed.
    """
    try:
        return load(config, os.environ)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"Error: {_line(config, problem)}", err=True)
        raise click.exceptions.Exit(ExitCode.BAD_CONFIG) from error


def warn(config: Path, warnings: Iterable[Problem]) -> None:
    """Print *warnings* about *config* on standard error."""
    for warning in warnings:
        click.echo(f"Warning: {_line(config, warning)}", err=True)


def _line(config: Path, problem: Problem) -> str:
    """Return *problem* in the format of compilers: the file first."""
    return str(problem) if problem.place == str(config) else f"{config}: {problem}"
