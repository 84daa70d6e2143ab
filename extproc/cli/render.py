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
    help="Also write the credential for sidecar.on_failure: default_provider, as files in this directory.",
)
def render(config: Path, output: Path | None, secrets: Path | None) -> None:
    """Write the Envoy configuration for CONFIG, to run with `envoy -c FILE`.

    It connects to the sidecar (`extproc serve CONFIG`) at `sidecar.listen`. It never contains a key: the sidecar adds
    the providers' keys to each request.

    With `sidecar.on_failure: default_provider` Envoy itself needs the default model's credential. It reads it from the
    directory `envoy.secrets`; `--secrets` writes these files, readable by Envoy's user only.
    """
    loaded = load_config(config)
    warn(config, loaded.warnings)
    for warning in environment_warnings(loaded.gateway, os.environ):
        show(warning)
    if secrets is not None and not write_secrets(loaded.gateway, secrets):
        click.echo(f"{secrets}: nothing to write: with this configuration only the sidecar uses credentials.", err=True)
    text = envoy_config(loaded.gateway)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise Failure(f"{output}: {error.strerror}") from error
