"""Where the server listens: `unix:/path` or `host:port`."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from extproc.transport.errors import ListenError
from extproc.transport.socket_files import OWNER_ALONE, SocketAccess, make_directory, remove_stale, share

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATH_LIMIT = 107
"""Longest path of a socket on Linux: `sun_path` has 108 bytes, one of them the end mark."""

_OWNER_ONLY = 0o177
"""Mask that leaves a socket read and write for its owner (0600)."""

_NOT_OURS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host and a port; port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


Address: TypeAlias = UnixAddress | TcpAddress


def parse_address(text: str) -> Address:
    """Return the address that *text* names.

    Raises:
        ListenError: it names none.
    """
    scheme, colon, path = text.partition(":")
    if colon and scheme == "unix":
        if not path or len(os.fsencode(path)) > _PATH_LIMIT:
            raise ListenError(f"{text}: expected a path of 1 to {_PATH_LIMIT} bytes after unix:")
        return UnixAddress(Path(path))
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise ListenError(f"{text}: expected unix:/path or host:port")
    return TcpAddress(host, int(port))


@contextmanager
def claimed(address: Address, access: SocketAccess = OWNER_ALONE) -> Iterator[None]:
    """Make sure that a server may be bound to *address*, and give what is bound inside to those of *access* alone.

    gRPC would tell no reason when it cannot bind, and it removes a socket that is in use: another server's clients
    would be ours without a word.

    Raises:
        ListenError: the place is taken or cannot be used, or cannot be given to the group.
    """
    vacate(address, access)
    mask = os.umask(_OWNER_ONLY)  # a chmod afterwards would leave a moment in which anyone can connect
    try:
        yield
    finally:
        os.umask(mask)
    if isinstance(address, UnixAddress) and access != OWNER_ALONE:
        share(address.path, access)


def vacate(address: Address, access: SocketAccess = OWNER_ALONE) -> None:
    """Make sure that nobody listens at *address* and that one can; what a killed server has left there is removed.

    A socket's directory is made if only that is missing: for those who may use the socket, and nobody else.

    Raises:
        ListenError: the place is taken or cannot be used.
    """
    try:
        match address:
            case UnixAddress(path=path):
                make_directory(path.parent, access)
                remove_stale(path)
            case TcpAddress(host=host, port=port):
                _try_to_bind(host, port)
    except OSError as error:
        raise ListenError(f"{address}: {error.strerror}") from error


def _try_to_bind(host: str, port: int) -> None:
    """Bind and let go, for the reason that the system gives when it cannot be done.

    A name may stand for addresses that this machine has not (`localhost` without IPv6): one that it has is enough.
    """
    places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    elsewhere: list[OSError] = []
    for family, kind, protocol, _, place in places:
        try:
            with socket.socket(family, kind, protocol) as probe:
                # Connections that were closed a moment ago may linger; a listener is refused all the same.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
            elsewhere.append(error)
    if len(elsewhere) == len(places):
        raise elsewhere[0]
