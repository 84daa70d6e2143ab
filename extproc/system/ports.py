"""TCP ports and Unix sockets: whether an address can be listened on, and finding a free port."""

from __future__ import annotations

import socket

from extproc.config.exposure import host_of, is_socket
from extproc.exits import Failure
from extproc.transport.errors import ListenError
from extproc.transport.listening import parse_address, vacate

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


def require_vacant(address: str, *, what: str) -> None:
    """Check that no process listens at *address* (`unix:/path` or `host:port`).

    Envoy unlinks whatever is at its socket's path: another process's socket, a file.

    Raises:
        Failure: one does; *what* names the setting to change.
    """
    if not is_socket(address):
        require_free(host_of(address), int(address.rpartition(":")[2]), what=what)
        return
    try:
        vacate(parse_address(address))
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
