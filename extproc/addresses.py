"""Addresses of listeners: a Unix socket, or a host and a port."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

_PATH_LIMIT = 107
"""Longest path of a socket on Linux: `sun_path` has 108 bytes, one of them the final NUL."""


class AddressError(ValueError):
    """An invalid address; the message begins with it."""


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix socket, which has an owner and a mode."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host and a port; port 0 is any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


Address: TypeAlias = UnixAddress | TcpAddress


def parse_address(text: str) -> Address:
    """Return *text* as an address: `unix:/path`, `host:port` or `[v6]:port`.

    Raises:
        AddressError: it is invalid.
    """
    scheme, colon, path = text.partition(":")
    if colon and scheme == "unix":
        if not path or len(os.fsencode(path)) > _PATH_LIMIT:
            raise AddressError(f"{text}: expected a path of 1 to {_PATH_LIMIT} bytes after unix:")
        return UnixAddress(Path(path))
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise AddressError(f"{text}: expected unix:/path or host:port")
    return TcpAddress(host, int(port))


def is_loopback(host: str) -> bool:
    """Return whether *host* is a loopback address; names are not resolved."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def worker_addresses(listen: Address, workers: int) -> tuple[Address, ...]:
    """Return the address of each of *workers* workers for the address *listen*.

    A single worker has that address. Several have sockets with their number before the suffix (`/run/x.0.sock`), or
    consecutive ports, which may exceed the last one; port 0 is a free port for each.
    """
    if workers == 1:
        return (listen,)
    if isinstance(listen, UnixAddress):
        path, suffix = posixpath.splitext(listen.path)
        return tuple(UnixAddress(Path(f"{path}.{number}{suffix}")) for number in range(workers))
    return tuple(replace(listen, port=listen.port + number if listen.port else 0) for number in range(workers))
