"""Checks before a server binds its address."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from extproc.addresses import TcpAddress, UnixAddress
from extproc.system.errors import ListenError
from extproc.system.socket_files import OWNER_ALONE, SocketAccess, make_directory, remove_stale, share

if TYPE_CHECKING:
    from collections.abc import Generator

    from extproc.addresses import Address

_OWNER_ONLY = 0o177
"""Mask that leaves a socket read and write for its owner (0600)."""

_NOT_OURS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


@contextmanager
def exclusive_bind(address: Address, access: SocketAccess = OWNER_ALONE) -> Generator[None]:
    """Check that a server can bind *address*, and restrict what is bound inside the context to *access*.

    gRPC gives no reason for a failed bind, and it removes a socket that is in use, which would take over another
    server's clients silently.

    Raises:
        ListenError: the address is in use or cannot be used, or the group cannot be set.
    """
    vacate(address, access)
    mask = os.umask(_OWNER_ONLY)  # with a later chmod any user could connect before it
    try:
        yield
    finally:
        os.umask(mask)
    if isinstance(address, UnixAddress) and access != OWNER_ALONE:
        share(address.path, access)


def vacate(address: Address, access: SocketAccess = OWNER_ALONE) -> None:
    """Check that *address* is free and can be bound; remove the stale socket of a killed server.

    The socket's directory is created if only that is missing, accessible as the socket is.

    Raises:
        ListenError: the address is in use or cannot be used.
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
    """Bind and close, for the system's error if that fails.

    A name may have addresses that this host does not have (`localhost` without IPv6): one usable address is enough.
    """
    places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    elsewhere: list[OSError] = []
    for family, kind, protocol, _, place in places:
        try:
            with socket.socket(family, kind, protocol) as probe:
                # Ignore connections in TIME_WAIT; another listener is still an error.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
            elsewhere.append(error)
    if len(elsewhere) == len(places):
        raise elsewhere[0]
