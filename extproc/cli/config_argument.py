"""Reading the configuration file for a command: its errors and warnings as people and scripts need them."""

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
"""The argument that every command about a configuration takes."""

WORKERS = click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes of the sidecar.  [default: sidecar.workers in CONFIG]"
)
"""The option of every command that starts the sidecar."""


def load_config(config: Path) -> Loaded:
    """Return what *config* describes.

    Raises:
        click.exceptions.Exit: when it must not be used; every error has been told by then.
    """
    try:
        return load(config, os.environ)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"Error: {_told(config, problem)}", err=True)
        raise click.exceptions.Exit(ExitCode.BAD_CONFIG) from error


def warn(config: Path, warnings: Iterable[Problem]) -> None:
    """Tell *warnings* about *config* on standard error."""
    for warning in warnings:
        click.echo(f"Warning: {_told(config, warning)}", err=True)


def _told(config: Path, problem: Problem) -> str:
    """Return *problem* as compilers tell theirs: the file first."""
    return str(problem) if problem.place == str(config) else f"{config}: {problem}"
