"""Making sure that a server can listen where it is told to."""

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
def claimed(address: Address, access: SocketAccess = OWNER_ALONE) -> Generator[None]:
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
