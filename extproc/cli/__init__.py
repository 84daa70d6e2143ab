"""The `extproc` command: arguments, environment, output and exit codes."""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from extproc.cli.exit_codes import TABLE, failures_shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "up": "Start sidecar and Envoy from one configuration file.",
        "down": "Stop what `up` has started.",
        "restart": "Hot-restart the Envoy of `up`; no request is lost.",
        "demo": "Demonstrate a failover: `up` with two mock providers.",
        "validate": "Print every error and warning of a configuration file.",
        "schema": "Print the JSON Schema of the configuration file.",
        "render": "Write the Envoy configuration for a configuration file.",
        "doctor": "Check your own Envoy for what would lose a failover.",
        "serve": "Run the sidecar alone, beside an Envoy of your own.",
        "ready": "Report whether that sidecar serves.",
        "mock": "Run a mock provider that responds by a script.",
    }
)
"""Help line by command, in the order of `--help`; a command's module is imported when it is used."""


class _Commands(click.Group):
    """Commands, each in a module of this package that is imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: object = getattr(importlib.import_module(f"extproc.cli.{cmd_name}"), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"extproc.cli.{cmd_name} defines no command of that name")
        return command

    def invoke(self, ctx: click.Context) -> object:
        with failures_shown():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, epilog=TABLE, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="extproc", message="extproc %(version)s")
def main() -> None:
    """Failover and retries for applications that call LLM providers, with Envoy.

    Start with `extproc demo`; then write a configuration file, check it with `extproc validate` and run it with
    `extproc up`.
    """
