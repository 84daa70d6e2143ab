"""A mock provider as a server: start it, inspect its calls, have it refuse connections and accept them again."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from extproc.mock.connection import Connection
from extproc.mock.provider_state import ProviderState
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
    """A provider that responds by a script; an async context manager.

    Port 0 is any free port. The port is reserved until the context is left, also while connections are refused.
    *kept* is the limit of bytes kept of each body. *observe* is called with each request as it arrives.
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
        self._state = ProviderState(_script(script), name=name, observe=observe)
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
        """The requests since the script started, in order."""
        return self._state.log.calls

    @property
    def log(self) -> Log:
        """The requests since the script started, with counts."""
        return self._state.log

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def play(self, script: Script | str) -> None:
        """Start *script*, and clear the calls."""
        self._state.play(_script(script))

    async def listen(self) -> None:
        """Accept connections; without effect if it does already."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=_bind(self.host, self.port), backlog=_BACKLOG)

    async def refuse(self) -> None:
        """Refuse connections from now on, and close those that are open."""
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
        connection = Connection(self._state, reader, writer, number=self._accepted, kept=self._kept)
        task = asyncio.get_running_loop().create_task(connection.run())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)


async def serve(host: str, port: int, script: Script | str, name: str, announce: Callable[[str], None]) -> None:
    """Run provider *name* at *host*:*port* until cancelled; pass *announce* the address, then a line for each request.

    Raises:
        OSError: it cannot listen there.
        ScriptError: *script* is invalid.
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
    with one socket and listens with another, so that no other process takes the port while connections are refused.
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
