"""The scripted provider as a server: start it, look at what it got, take it away and bring it back."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from extproc.mock.connection import Connection
from extproc.mock.part import Part
from extproc.mock.record import KEPT_BYTES
from extproc.mock.script import parse_script

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from extproc.mock.record import Call, Log
    from extproc.mock.step import Script

_BACKLOG = 1024


class MockProvider:
    """A provider that answers by a script; an async context manager.

    Port 0 is any free port. The port belongs to the provider until it leaves the context, also while it refuses.
    *kept* bounds how much of each body is kept. *observe* is told of each request as it arrives.
    Mutable: it owns sockets, and its script can be replaced.
    """

    def __init__(
        self,
        script: Script | str = "200",
        *,
        name: str = "mock",
        host: str = "127.0.0.1",
        port: int = 0,
        kept: int = KEPT_BYTES,
        observe: Callable[[Call], None] | None = None,
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self._part = Part(_script(script), name=name, observe=observe)
        self._kept = kept
        self._holder: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._accepted = 0

    async def __aenter__(self) -> Self:
        self._holder = _bind(self.host, self.port)
        try:
            self.port = self._holder.getsockname()[1]
            await self.listen()
        except BaseException:
            self._holder.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()
        if self._holder is not None:
            self._holder.close()

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def calls(self) -> tuple[Call, ...]:
        """The requests since the script began, in order."""
        return self._part.log.calls

    @property
    def log(self) -> Log:
        """The requests since the script began, with counts."""
        return self._part.log

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def play(self, script: Script | str) -> None:
        """Begin *script*, and forget all calls so far."""
        self._part.play(_script(script))

    async def listen(self) -> None:
        """Accept connections; nothing happens if it does already."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=_bind(self.host, self.port), backlog=_BACKLOG)

    async def refuse(self) -> None:
        """Refuse connections from now on, and end those that are open."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        connection = Connection(self._part, reader, writer, number=self._accepted, kept=self._kept)
        task = asyncio.get_running_loop().create_task(connection.run())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)


async def serve(host: str, port: int, script: Script | str, name: str, announce: Callable[[str], None]) -> None:
    """Be provider *name* at *host*:*port* until cancelled; tell *announce* the address, then each request in a line.

    Raises:
        OSError: when it cannot listen there.
        ScriptError: when *script* is a text and no script.
    """

    def observe(call: Call) -> None:
        announce(f"{name}: {call.method} {call.path} model={call.model} -> {call.step}")

    async with MockProvider(script, name=name, host=host, port=port, observe=observe) as provider:
        announce(f"{name}: listening on {provider.url}")
        await asyncio.get_running_loop().create_future()


def _script(script: Script | str) -> Script:
    return parse_script(script) if isinstance(script, str) else script


def _bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to *host*:*port*, not listening.

    With SO_REUSEADDR several sockets may be bound to a port as long as at most one listens: the provider holds its port
    with one socket and listens with another, so that nobody takes the port while connections are refused.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
