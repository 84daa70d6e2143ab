"""`extproc render`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from extproc.cli.config_argument import CONFIG, load_config, warn
from extproc.cli.exit_codes import TABLE
from extproc.cli.reporting import show
from extproc.exits import Failure
from extproc.gateway.environment import environment_warnings
from extproc.gateway.envoy_config import envoy_config
from extproc.gateway.secret_files import write_secrets


@click.command(epilog=TABLE)
@CONFIG
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file instead of standard output.",
)
@click.option(
    "--secrets",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the credential for sidecar.on_failure: default_provider into files of this directory, too.",
)
def render(config: Path, output: Path | None, secrets: Path | None) -> None:
    """Write the Envoy configuration for CONFIG, to start with `envoy -c FILE`.

    It expects the sidecar (`extproc serve CONFIG`) where `sidecar.listen` says. It never holds a key: providers'
    keys stay with the sidecar, which adds them to each request; so there is no option to show them either.

    With `sidecar.on_failure: default_provider` Envoy needs the default model's credential for itself. It looks for it
    in the directory `envoy.secrets`; `--secrets` writes what belongs there, for Envoy's user alone to read.
    """
    loaded = load_config(config)
    warn(config, loaded.warnings)
    for warning in environment_warnings(loaded.gateway, os.environ):
        show(warning)
    if secrets is not None and not write_secrets(loaded.gateway, secrets):
        click.echo(f"{secrets}: nothing to write, this configuration leaves every credential to the sidecar.", err=True)
    text = envoy_config(loaded.gateway)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise Failure(f"{output}: {error.strerror}") from error
