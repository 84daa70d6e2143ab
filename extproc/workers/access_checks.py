"""Checks before the sidecar listens: that no other user or host can connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.addresses import TcpAddress, UnixAddress
from extproc.config.errors import Problem
from extproc.exits import BadConfig, Failure
from extproc.system.errors import ListenError
from extproc.system.socket_files import SocketAccess, make_directory, who_could_replace
from extproc.transport.tls import check_server_files, keys_in_reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extproc.addresses import Address
    from extproc.config.gateway import SidecarSettings


def check_access(config: Path, settings: SidecarSettings) -> tuple[Problem, ...]:
    """Check that a sidecar with *settings* can listen; return warnings about its access control.

    Raises:
        BadConfig: a TLS file cannot be used.
        Failure: the socket's directory is missing and cannot be created.
    """
    address = settings.listen
    if settings.tls is not None and isinstance(address, TcpAddress):
        try:
            check_server_files(settings.tls)
        except ListenError as error:
            raise BadConfig(f"{config}: {error}") from error
    if isinstance(address, UnixAddress):
        _make_directory(address, settings)
    return tuple(_warnings(address, settings))


def _make_directory(address: UnixAddress, settings: SidecarSettings) -> None:
    try:
        make_directory(address.path.parent, SocketAccess(settings.socket_mode, settings.socket_group))
    except ListenError as error:
        raise Failure(f"{error}. Create it, or set another address with sidecar.listen or --listen.") from error


def _warnings(address: Address, settings: SidecarSettings) -> Iterator[Problem]:
    if isinstance(address, UnixAddress):
        who = who_could_replace(address.path)
        if who is not None:
            yield Problem("sidecar.listen", f"{who}: other users can replace the socket")
    elif settings.tls is not None:
        for name in keys_in_reach(settings.tls):
            yield Problem(f"sidecar.tls.{name}", "the key is readable by other users: its mode should be 0600")
