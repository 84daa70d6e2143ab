"""Before the sidecar listens: whether only those can come in who should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from extproc.cli.exits import BadConfig
from extproc.config.errors import Problem
from extproc.config.exposure import is_socket, why_refused
from extproc.transport.address import UnixAddress, parse_address
from extproc.transport.errors import ListenError
from extproc.transport.socket_files import who_could_replace
from extproc.transport.tls import check_server_files, keys_in_reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extproc.config.gateway import SidecarSettings


def check_doors(config: Path, settings: SidecarSettings, option: str | None) -> tuple[Problem, ...]:
    """Make sure that a sidecar with *settings* may listen; return what its operator should know all the same.

    *option* is the address of the command line, which *config* has not been checked for.

    Raises:
        UsageError: it would hand keys to strangers.
        BadConfig: a file that TLS needs cannot be used.
    """
    refused = why_refused(settings)
    if refused is not None:  # CONFIG's own address has been checked
        raise click.BadParameter(refused, param_hint="--listen")
    try:
        if option is not None:
            parse_address(option)
        if settings.tls is not None and not is_socket(settings.listen):
            check_server_files(settings.tls)
    except ListenError as error:
        raise BadConfig(f"{config}: {error}" if option is None else str(error)) from error
    return tuple(_remarks(settings))


def _remarks(settings: SidecarSettings) -> Iterator[Problem]:
    address = parse_address(settings.listen)
    if isinstance(address, UnixAddress):
        who = who_could_replace(address.path)
        if who is not None:
            yield Problem("sidecar.listen", f"{who}: others can put a socket of their own in its place")
    elif settings.tls is not None:
        for name in keys_in_reach(settings.tls):
            yield Problem(f"sidecar.tls.{name}", "others than its owner can get at this key: its mode should be 0600")
