"""The argument that selects a running gateway."""

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
"""The argument of commands on a running gateway: optional if only one is running."""


def find_run(config: Path | None) -> Run | None:
    """Return the run of *config*, or the only run; None if it is not running.

    Raises:
        UsageError: several are running, and *config* is None.
        BadConfig: there is neither such a run nor such a file.
    """
    runs = Runs.of_user(os.environ)
    if config is not None:
        run = runs.find(config)
        if run is None and not config.exists():
            raise BadConfig(f"{config}: no such file, and no gateway with that configuration is running.")
        return run
    running = list(runs)
    if len(running) > 1:
        raise click.UsageError(
            "Several gateways are running, name the CONFIG of one:\n" + "\n".join(f"  {run.config}" for run in running)
        )
    return running[0] if running else None
