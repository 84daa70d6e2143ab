"""`extproc render`."""

from __future__ import annotations

from pathlib import Path

import click

from extproc.cli.configuration import CONFIG, load_config, warn
from extproc.cli.envoy_config import envoy_config
from extproc.cli.exits import TABLE, Failure


@click.command(epilog=TABLE)
@CONFIG
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file instead of standard output.",
)
def render(config: Path, output: Path | None) -> None:
    """Write the Envoy configuration for CONFIG, to start with `envoy -c FILE`.

    It expects the sidecar (`extproc serve CONFIG`) where `sidecar.listen` says. It never holds a key: providers'
    keys stay with the sidecar, which adds them to each request; so there is no option to show them either.
    """
    loaded = load_config(config)
    warn(config, loaded.warnings)
    text = envoy_config(loaded.gateway)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise Failure(f"{output}: {error.strerror}") from error
