"""`extproc schema`."""

from __future__ import annotations

import json

import click

from extproc.cli.exit_codes import TABLE
from extproc.config.schema.json_schema import json_schema


@click.command(epilog=TABLE)
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors and validators.

    `validate` may still reject a file that it accepts: some rules, such as unique names, cannot be expressed in JSON
    Schema.
    """
    click.echo(json.dumps(json_schema(), indent=2))
