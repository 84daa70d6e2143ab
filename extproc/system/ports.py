"""TCP ports and Unix sockets: whether an address can be listened on, and finding a free port."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from extproc.addresses import TcpAddress
from extproc.exits import Failure
from extproc.system.errors import ListenError
from extproc.system.listening import vacate

if TYPE_CHECKING:
    from extproc.addresses import Address

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Wildcard addresses, and the loopback address by which a listener on each is reached from this host."""


def require_free(address: str, port: int, *, what: str) -> None:
    """Check that no process listens on *address* and *port*.

    Envoy opens its listeners with SO_REUSEPORT: two Envoys share a port without an error, and each gets half of the
    requests. So the port is checked before Envoy starts.

    Raises:
        Failure: one does; *what* names the setting to change.
    """
    try:
        with _listening(address, port):
            pass
    except OSError as error:
        raise Failure(f"{what}: cannot listen on {address}:{port}: {error.strerror}") from error


def require_vacant(address: Address, *, what: str) -> None:
    """Check that no process listens at *address*.

    Envoy unlinks whatever is at its socket's path: another process's socket, a file.

    Raises:
        Failure: one does; *what* names the setting to change.
    """
    if isinstance(address, TcpAddress):
        require_free(address.host, address.port, what=what)
        return
    try:
        vacate(address)
    except ListenError as error:
        raise Failure(f"{what}: {error}") from error


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port on which no process listens at the moment."""
    with _listening(address, 0) as listener:
        port: int = listener.getsockname()[1]
        return port


def is_free(address: str, port: int) -> bool:
    """Return whether *port* can be listened on."""
    try:
        require_free(address, port, what="")
    except Failure:
        return False
    return True


def reachable(address: str) -> str:
    """Return the host by which a listener on *address* is reached from here, as it stands in a URL."""
    host = EVERY_ADDRESS.get(address, address)
    return f"[{host}]" if ":" in host else host


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of an earlier run in TIME_WAIT do not make the port busy.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
