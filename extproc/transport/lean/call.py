"""One gRPC call: messages in, messages out, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.transport.http2.stream import Stream
from extproc.transport.lean.messages import MessageReader, MessageRefusedError, prefix
from extproc.transport.lean.status import HEADERS, Status, trailers, trailers_only

if TYPE_CHECKING:
    from extproc.transport.http2.sending import Sender
    from extproc.transport.lean.memory import Memory


class Call(Stream):
    """One call; mutable. A subclass says what is done with its messages."""

    __slots__ = ("_held", "_incomplete", "_memory", "_reader", "_responded", "_sender", "over")

    def __init__(self, stream_id: int, window: int, *, sender: Sender, memory: Memory) -> None:
        super().__init__(stream_id, window)
        self._sender = sender
        self._memory = memory
        self._reader = MessageReader(memory.largest_message)
        self._held = 0  # bytes of ours that *memory* counts …
        self._incomplete = 0  # … and how many of them are of a message that is not complete
        self._responded = False
        self.over = False
        """Nothing more is taken or said, though some of what was said may still wait for the peer's window."""

    def message_received(self, message: bytes) -> None:
        """Take one message."""
        raise NotImplementedError

    def all_received(self) -> None:
        """Handle that no message follows."""
        raise NotImplementedError

    def ended(self) -> None:
        """Handle, once, that the call is over, for whatever cause."""

    def opened(self) -> None:
        """Begin; nothing is said before the first message."""

    def data_received(self, data: bytes) -> None:
        """Take the messages that these bytes complete."""
        if self.over:
            return
        try:
            messages = self._reader.feed(data)
        except MessageRefusedError as refused:
            self.end(refused.status, refused.details)
            return
        if self._reader.held != self._incomplete:
            self._hold(self._reader.held - self._incomplete)
            self._incomplete = self._reader.held
            if self._memory.is_full:
                self.end(Status.RESOURCE_EXHAUSTED, "too many large messages at once")
                return
        for message in messages:
            if not self.over:
                self.message_received(message)

    def end_received(self) -> None:
        """Handle that the peer has sent all."""
        if self.over:
            return
        if self._reader.held:
            self.end(Status.INTERNAL, "the last message breaks off")
        else:
            self.all_received()

    def aborted(self) -> None:
        """End it; the peer has gone."""
        if not self.over:
            self._close()

    def send(self, *message: bytes) -> None:
        """Respond with *message*, which may be in pieces: large ones are not copied together."""
        if not self._responded:
            self._responded = True
            self._sender.headers(self, HEADERS)
        first, *rest = message
        self._sender.data(self, prefix(sum(map(len, message))) + first)
        for piece in rest:
            self._sender.data(self, piece)

    def end(self, status: Status = Status.OK, details: str = "") -> None:
        """End the call with *status*, after all that was sent."""
        if self.over:
            return
        self._close()
        self._sender.trailers(self, trailers(status, details) if self._responded else trailers_only(status, details))

    def _close(self) -> None:
        self.over = True
        self._hold(-self._held)
        self.ended()

    def _hold(self, more: int) -> None:
        self._held += more
        self._memory.held += more


class Refused(Call):
    """A call that ends as soon as it has begun."""

    __slots__ = ("_details", "_status")

    def __init__(
        self, stream_id: int, window: int, *, sender: Sender, memory: Memory, status: Status, details: str
    ) -> None:
        super().__init__(stream_id, window, sender=sender, memory=memory)
        self._status = status
        self._details = details

    def opened(self) -> None:
        """End it."""
        self.end(self._status, self._details)

    def message_received(self, message: bytes) -> None:
        """Never happens: it is over."""

    def all_received(self) -> None:
        """Never happens: it is over."""
