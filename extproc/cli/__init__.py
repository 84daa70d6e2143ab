"""The `extproc` command: argv, environment, clock, randomness and signals; the only place where effects are chosen."""

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
        "down": "End what `up` has started.",
        "restart": "Replace the Envoy of `up` by a new one; no request is lost.",
        "demo": "See a failover: `up` with two made-up providers.",
        "validate": "Tell every error and warning of a configuration file.",
        "schema": "Print the JSON Schema of the configuration file.",
        "render": "Write the Envoy configuration for a configuration file.",
        "doctor": "Tell what in your own Envoy would lose a failover.",
        "serve": "Run the sidecar alone, beside an Envoy of your own.",
        "ready": "Tell whether that sidecar serves.",
        "mock": "Run a made-up provider that answers by a script.",
    }
)
"""Every command, in the order of `--help`, with its line there: a module is imported when its command is used."""


class _Commands(click.Group):
    """Commands that live one to a module of this package and are imported only when needed."""

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
    """Keep applications that call LLM providers answering when a provider does not.

    A new user starts with `extproc demo`, then writes a configuration file, checks it with `extproc validate` and
    starts it with `extproc up`.
    """
