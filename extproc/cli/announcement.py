"""What `up` prints when the gateway is healthy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from extproc.gateway.launch import Launch


def announce(launch: Launch, closing: str) -> None:
    """Print the base URLs for SDKs, then *closing*."""
    gateway, edge = launch.gateway, launch.edge
    click.echo(f"""
extproc is running, with {", ".join(gateway.catalog.targets)}
  OpenAI SDKs     base_url={edge}/v1
  Anthropic SDKs  base_url={edge}
  health          {edge}/healthz
  Envoy's admin   {launch.admin}
{closing}""")
