"""HTTP by a socket in the file system; httpx leaves one open when nobody listens there."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.waiting import DEADLINE

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status_code: int
    text: str


def get(path: Path, url: str) -> Answer:
    """Return the answer to GET *url* at the socket *path*.

    Raises:
        OSError: there is none.
    """
    connection = _Connection(path)
    try:
        connection.request("GET", url)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode())
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("envoy")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(str(self._path))
