"""One connection to a mock provider: it reads requests and plays steps."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from typing import TYPE_CHECKING

import h11

from extproc.mock.control import PREFIX, control
from extproc.mock.play import head_of, play
from extproc.mock.record import Call, Intake

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from extproc.mock.http_response import Response
    from extproc.mock.provider_state import ProviderState

_READ_SIZE = 256 * 1024
_MAX_HEAD = 256 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, zero seconds


class Connection:
    """One client's connection. Mutable: owns the socket and the HTTP/1.1 state of it."""

    def __init__(
        self,
        state: ProviderState,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        number: int,
        kept: int,
    ) -> None:
        self._state = state
        self._reader = reader
        self._writer = writer
        self._number = number
        self._kept = kept
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)

    async def run(self) -> None:
        """Serve requests until either side closes the connection; close it."""
        try:
            while await self._serve_one():
                self._http.start_next_cycle()
        except (OSError, h11.RemoteProtocolError):
            pass  # disconnected, or no HTTP: there is no one to report it to
        finally:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def send(self, event: h11.Event) -> None:
        """Send *event*, and wait while the send buffer is full."""
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def send_half(self, event: h11.Event) -> None:
        """Send the first half of the bytes of *event*."""
        piece = self._http.send(event) or b""
        self._writer.write(piece[: len(piece) // 2])
        await self._writer.drain()

    async def send_response(self, response: Response, *, to: str) -> None:
        """Send a whole response to a request of method *to*."""
        await self.send(head_of(response))
        if to != "HEAD" and response.body:
            await self.send(h11.Data(data=response.body))
        await self.send(h11.EndOfMessage())

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()

    async def _serve_one(self) -> bool:
        """Read a request and send its response; return whether another may follow."""
        request = await self._next_event()
        if not isinstance(request, h11.Request):
            return False
        own = not request.target.startswith(PREFIX.encode())
        log = self._state.log
        log.begun += own
        arrived = time.monotonic()
        intake = Intake(self._kept)
        while isinstance(event := await self._next_event(), h11.Data):
            intake.add(bytes(event.data))
        if not isinstance(event, h11.EndOfMessage):
            return False
        method, path = request.method.decode("ascii"), request.target.decode("latin-1")
        if not own:
            await self.send_response(control(self._state, method=method, path=path, body=intake.kept), to=method)
            return self._http.our_state is h11.DONE
        fields = intake.fields()
        model = fields.get("model")
        model = model if isinstance(model, str) else None
        step = self._state.position.next_step(model)
        call = Call(
            number=log.completed + 1,
            method=method,
            path=path,
            headers=tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers),
            body=intake.kept,
            body_length=intake.length,
            body_sha256=intake.sha256,
            model=model,
            streamed=fields.get("stream") is True,
            arrived=arrived,
            connection=self._number,
            step=step.name,
        )
        self._state.record(call)
        try:
            await self._while_connected(play(step, call, self._state.name, self))
        except ConnectionError:
            log.hangups += 1
            return False
        return self._http.our_state is h11.DONE

    async def _while_connected(self, playing: Coroutine[None, None, None]) -> None:
        """Run *playing* to its end.

        Raises:
            ConnectionError: the client disconnects before.
        """
        play_task = asyncio.ensure_future(playing)
        watch_task = asyncio.ensure_future(self._until_disconnected())
        try:
            await asyncio.wait({play_task, watch_task}, return_when=asyncio.FIRST_COMPLETED)
            if not play_task.done():
                raise ConnectionResetError("the client has disconnected")
            play_task.result()
        finally:
            play_task.cancel()
            watch_task.cancel()
            await asyncio.gather(play_task, watch_task, return_exceptions=True)

    async def _until_disconnected(self) -> None:
        """Return when the client has disconnected; buffer what it sends meanwhile."""
        with contextlib.suppress(OSError):
            while piece := await self._reader.read(_READ_SIZE):
                self._http.receive_data(piece)

    async def _next_event(self) -> h11.Event | None:
        """Return the next event of the client; None when it has closed the connection."""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self.send(h11.InformationalResponse(status_code=100, headers=[]))
                self._http.receive_data(await self._reader.read(_READ_SIZE))
            elif isinstance(event, h11.Request | h11.Data | h11.EndOfMessage):
                return event
            else:
                return None
