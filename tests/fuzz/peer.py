"""A peer of the sidecar that sends bytes: it knows gRPC, and next to nothing of what the messages mean."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import grpc
from fuzz.conversations import PATIENCE, Conversation, End

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

Call: TypeAlias = "grpc.aio.StreamStreamCall[bytes, bytes]"

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),  # or all channels to one address would share their connection
)

_LOST = "Internal error from Core"
"""What grpc.aio says when a write has failed because the stream has ended: it then forgets how."""

_IMMEDIATELY = b"\x3a"
"""How an answer begins that is for the client: number and type of the field immediate_response."""


@dataclass(slots=True)
class Heard:
    """What came of a conversation. Mutable while it is had: *sent* messages, and the *answers* so far."""

    sent: int = 0
    answers: list[bytes] = field(default_factory=list)
    status: grpc.StatusCode | None = None  # None: nothing has ended it
    lost: bool = False  # the client's own library has put another status in place of the server's

    @property
    def end(self) -> str:
        """How it ended, in a word or two."""
        if self.status is None:
            return "never"
        return "lost" if self.lost else self.status.name


class Connection:
    """A connection to one worker, with any number of streams on it."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def have(self, conversation: Conversation) -> Heard:
        """Have *conversation* on a stream of its own, and return what came of it."""
        heard = Heard()
        call: Call = self._channel.stream_stream(conversation.method)(
            timeout=conversation.deadline,
            metadata=conversation.metadata,
            compression=grpc.Compression.Gzip if conversation.compressed else None,
        )
        try:
            async with asyncio.timeout(2 * PATIENCE):
                await _talk(call, conversation, heard)
                heard.status = await call.code()
                heard.lost = await call.details() == _LOST
        except TimeoutError:
            call.cancel()
        return heard


async def _talk(call: Call, conversation: Conversation, heard: Heard) -> None:
    listening = None if conversation.in_turn else asyncio.create_task(_listen(call, heard))
    try:
        if await _say(call, conversation, heard):
            await (_listen(call, heard) if listening is None else listening)
    except (grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
        pass  # it has ended while we wrote or read: its status says how
    except asyncio.CancelledError:
        if not call.cancelled():
            raise
    finally:
        if listening is not None:
            listening.cancel()
            await asyncio.wait({listening})
            if not listening.cancelled():
                listening.exception()  # it has met the end, as the writer has


async def _say(call: Call, conversation: Conversation, heard: Heard) -> bool:
    """Say all of it; return whether there may be more to hear."""
    for message in conversation.messages:
        await call.write(message)
        heard.sent += 1
        if conversation.in_turn and not await _hear(call, heard):
            return False
        if conversation.content and heard.answers and heard.answers[-1].startswith(_IMMEDIATELY):
            break
    match conversation.end:
        case End.CLOSE:
            await call.done_writing()
        case End.CANCEL:
            call.cancel()
        case End.LINGER:
            pass
    return True


async def _listen(call: Call, heard: Heard) -> None:
    while await _hear(call, heard):
        pass


async def _hear(call: Call, heard: Heard) -> bool:
    answer = await call.read()
    if not isinstance(answer, bytes):
        return False
    heard.answers.append(answer)
    return True
