"""HTTP endpoints of an Envoy on this host: a TCP port or a Unix socket."""

from __future__ import annotations

import http.client
import os
import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from extproc.addresses import TcpAddress, UnixAddress
from extproc.system.ports import reachable

if TYPE_CHECKING:
    from extproc.addresses import Address

_TIMEOUT = 2.0


class Endpoint(ABC):
    """The address of an HTTP server, and requests to it."""

    @abstractmethod
    def connection(self) -> http.client.HTTPConnection:
        """Return a connection object that is not connected yet."""

    def is_accessible(self) -> bool:
        """Return whether this user may connect, as far as file permissions say."""
        return True

    def request(self, method: str, path: str) -> tuple[int, str] | None:
        """Return status and body of the response to *method* *path*, or None if there is no response."""
        connection = self.connection()
        try:
            return request_on(connection, method, path)
        finally:
            connection.close()


@dataclass(frozen=True)
class Port(Endpoint):
    """A TCP endpoint."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{self.host}:{self.port}"

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection object that is not connected yet."""
        return http.client.HTTPConnection(self.host, self.port, timeout=_TIMEOUT)


@dataclass(frozen=True)
class SocketFile(Endpoint):
    """A Unix socket, which is protected by file permissions."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection object that is not connected yet."""
        return _SocketConnection(self.path)

    def is_accessible(self) -> bool:
        """Return whether this user may connect: stat(2) fails where a parent directory belongs to another user."""
        try:
            Path(self.path).stat()
        except PermissionError:
            return False
        except OSError:
            return True
        return os.access(self.path, os.W_OK)


def endpoint_at(address: Address) -> Endpoint:
    """Return the endpoint that is reached from this host when it listens at *address*."""
    match address:
        case UnixAddress(path=path):
            return SocketFile(str(path))
        case TcpAddress(host=host, port=port):
            return Port(reachable(host), port)
        case _:
            assert_never(address)


def request_on(connection: http.client.HTTPConnection, method: str, path: str) -> tuple[int, str] | None:
    """Return status and body of the response to *method* *path* on *connection*, or None if there is none."""
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return None


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.close()
            raise
