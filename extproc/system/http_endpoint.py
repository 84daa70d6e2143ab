"""HTTP endpoints of an Envoy on this host: by TCP, or by a socket in the file system."""

from __future__ import annotations

import http.client
import os
import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from extproc.config.exposure import host_of, is_socket
from extproc.system.ports import reachable

_TIMEOUT = 2.0


class Endpoint(ABC):
    """Where an Envoy answers HTTP."""

    @abstractmethod
    def connection(self) -> http.client.HTTPConnection:
        """Return a connection to it, not made yet."""

    def may_be_asked(self) -> bool:
        """Tell whether this user may connect to it, as far as the file system says."""
        return True

    def ask(self, method: str, path: str) -> tuple[int, str] | None:
        """Return status and body of the answer to *method* *path*, or None when there is no answer."""
        connection = self.connection()
        try:
            return asked(connection, method, path)
        finally:
            connection.close()


@dataclass(frozen=True)
class Port(Endpoint):
    """An endpoint that is reached by TCP."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{self.host}:{self.port}"

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection to it, not made yet."""
        return http.client.HTTPConnection(self.host, self.port, timeout=_TIMEOUT)


@dataclass(frozen=True)
class SocketFile(Endpoint):
    """An endpoint that is a socket in the file system, and so is for those who may use that."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection to it, not made yet."""
        return _SocketConnection(self.path)

    def may_be_asked(self) -> bool:
        """Tell whether this user may connect to it: one in a directory of others' cannot even be looked at."""
        try:
            Path(self.path).stat()
        except PermissionError:
            return False
        except OSError:
            return True
        return os.access(self.path, os.W_OK)


def endpoint_at(address: str) -> Endpoint:
    """Return the endpoint that is reached from this host when it listens at *address* (`unix:/path`, `host:port`)."""
    if is_socket(address):
        return SocketFile(address.removeprefix("unix:"))
    return Port(reachable(host_of(address)), int(address.rpartition(":")[2]))


def asked(connection: http.client.HTTPConnection, method: str, path: str) -> tuple[int, str] | None:
    """Return status and body of the answer to *method* *path* on *connection*, or None when there is none."""
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return None


class _SocketConnection(http.client.HTTPConnection):
    """HTTP by a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.close()
            raise
