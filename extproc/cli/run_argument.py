"""Which running gateway a command means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extproc.exits import BadConfig
from extproc.gateway.registry import Runs

if TYPE_CHECKING:
    from extproc.gateway.registry import Run

RUNNING = click.argument("config", type=click.Path(dir_okay=False, path_type=Path), required=False)
"""The argument of commands about what `up` has started: it may be left out when only one runs."""


def chosen_run(config: Path | None) -> Run | None:
    """Return the run of *config*, or the only one there is; None when it does not run.

    Raises:
        UsageError: when it is not clear which one is meant.
        BadConfig: when there is neither such a run nor such a file.
    """
    runs = Runs.of_user(os.environ)
    if config is not None:
        run = runs.find(config)
        if run is None and not config.exists():
            raise BadConfig(f"{config}: no such file, and nothing runs by that name.")
        return run
    running = list(runs)
    if len(running) > 1:
        raise click.UsageError(
            "More than one runs, name its CONFIG:\n" + "\n".join(f"  {run.config}" for run in running)
        )
    return running[0] if running else None
