"""`extproc validate`."""

from __future__ import annotations

import os
from pathlib import Path

import click
import yaml

from extproc.cli.config_argument import CONFIG, load_config, warn
from extproc.cli.exit_codes import TABLE
from extproc.cli.reporting import show
from extproc.config.warnings import undeclared_clusters
from extproc.exits import BadConfig
from extproc.gateway.environment import environment_warnings
from extproc.json_values import is_array, members


@click.command(epilog=TABLE)
@CONFIG
@click.option(
    "--envoy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own Envoy configuration: warn about providers whose cluster it does not declare.",
)
def validate(*, config: Path, envoy: Path | None) -> None:
    """Print every error and warning of CONFIG, with its place in the file. No process is started.

    Environment variables in the file must be set. Warnings are about settings that are valid but probably not intended;
    they do not change the exit code.
    """
    loaded = load_config(config)
    warn(config, loaded.warnings)
    for warning in environment_warnings(loaded.gateway, os.environ):
        show(warning)
    if envoy is not None:
        warn(config, undeclared_clusters(loaded.gateway, _declared_clusters(envoy)))
    click.echo(f"{config} is valid: {len(loaded.gateway.catalog.targets)} models.")


def _declared_clusters(envoy: Path) -> frozenset[str]:
    """Return the names of the static clusters in an Envoy configuration; JSON is YAML, too."""
    try:
        document: object = yaml.safe_load(envoy.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadConfig(f"{envoy}: cannot be read as YAML: {error}") from error
    clusters = members(members(document).get("static_resources")).get("clusters")
    if not is_array(clusters):
        raise BadConfig(f"{envoy}: static_resources.clusters: expected a list")
    return frozenset(name for cluster in clusters if isinstance(name := members(cluster).get("name"), str))
