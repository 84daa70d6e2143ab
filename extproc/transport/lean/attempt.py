"""The call in which Envoy asks about one attempt."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from extproc.exchange.events import ReadResponseBody
from extproc.exchange.phase import UnexpectedEventError
from extproc.transport.codec.large_bodies import LARGE
from extproc.transport.codec.requests import UnhandledMessage, event_of
from extproc.transport.codec.responses import continue_after, response_to
from extproc.transport.errors import MessageError
from extproc.transport.failure import describe
from extproc.transport.lean.call import Call
from extproc.transport.lean.status import Status
from extproc.transport.service import CANNOT_FOLLOW, FAILED, STOPPING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from extproc.policy.units import Instant
    from extproc.transport.http2.sending import Sender
    from extproc.transport.lean.large_messages import LargeMessages
    from extproc.transport.lean.memory import Memory
    from extproc.transport.service import Conversation, Processor

_MOST_QUEUED: Final = 16
"""Messages that may come while an attempt is held. Envoy sends the next one after the response to the last one, but for
the headers of its local reply."""

_log = logging.getLogger(__name__)


class AttemptCall(Call):
    """One attempt: the response to each message is sent at once, or when the attempt's delay is over."""

    __slots__ = ("_busy", "_end_follows", "_flush", "_large", "_loop", "_processor", "_queue", "_session", "_timer")

    def __init__(
        self,
        stream_id: int,
        window: int,
        *,
        sender: Sender,
        memory: Memory,
        processor: Processor[Any],
        loop: asyncio.AbstractEventLoop,
        large: LargeMessages,
        flush: Callable[[], None],
    ) -> None:
        super().__init__(stream_id, window, sender=sender, memory=memory)
        self._processor = processor
        self._loop = loop
        self._flush = flush  # writes what is sent outside of a read
        self._session: Conversation[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._large = large
        self._busy = False  # a message is queued, or its response is held
        self._queue: list[bytes] | None = None  # what has come meanwhile
        self._end_follows = False

    def opened(self) -> None:
        """Begin a conversation, unless this worker is stopping."""
        if not self._processor.streams.accepting:
            self.end(Status.UNAVAILABLE, STOPPING)
            return
        self._processor.streams.enter()
        self._session = self._processor.new_session()

    def message_received(self, message: bytes) -> None:
        """Process *message* at once; a large one in its turn, and any after the one before it."""
        if not self._busy:
            if len(message) < LARGE:
                self._guarded(self._process, message)
            else:
                self._busy = True
                self._hold(len(message))
                self._large.add(partial(self._outside, self._process_large, message))
            return
        queue = self._queue = self._queue or []
        if len(queue) == _MOST_QUEUED:
            self.end(Status.RESOURCE_EXHAUSTED, "too many messages at once")
            return
        queue.append(message)
        self._hold(len(message))

    def all_received(self) -> None:
        """End with OK, after what is held."""
        if self._busy:
            self._end_follows = True
        else:
            self.end()

    def ended(self) -> None:
        """End the conversation, and hand its record on."""
        if self._timer is not None:
            self._timer.cancel()
        self._queue = None
        session, self._session = self._session, None
        if session is None:
            return
        try:
            self._processor.close(session)
        except Exception as error:  # noqa: BLE001 - the stream boundary
            _log.error("stream_failed", extra={"fields": describe(error)})
        finally:
            self._processor.streams.leave()

    def _process(self, message: bytes) -> None:
        assert self._session is not None  # noqa: S101 - it is there until the call is over
        event = event_of(message)
        if isinstance(event, UnhandledMessage):
            self.send(continue_after(event).SerializeToString())
            return
        directive, not_before = self._processor.receive(self._session, event)
        response = response_to(event, directive)
        if not_before is not None and self._left(not_before) > 0:
            self._busy = True
            self._wait(response, not_before)
            return
        self.send(*response)
        if isinstance(directive, ReadResponseBody):
            self._timer = self._loop.call_later(directive.timeout / 1000, self._outside, self._body_overdue)

    def _process_large(self, message: bytes) -> None:
        if self.over:  # the client has gone meanwhile
            return
        self._hold(-len(message))
        self._busy = False
        self._process(message)
        if not self._busy:
            self._go_on()

    def _left(self, until: Instant) -> int:
        return until - self._processor.clock()

    def _wait(self, response: tuple[bytes, ...], until: Instant) -> None:
        self._timer = self._loop.call_later(self._left(until) / 1000, self._outside, self._release, response, until)

    def _release(self, response: tuple[bytes, ...], until: Instant) -> None:
        """Send the held *response*, never too early, and continue with what has come meanwhile."""
        if self._left(until) > 0:
            self._wait(response, until)
            return
        self._busy = False
        self.send(*response)
        self._go_on()

    def _go_on(self) -> None:
        """Process what has come while a response was held."""
        queue, self._queue = self._queue or [], None
        self._hold(-sum(map(len, queue)))
        for message in queue:
            if not self.over:
                self.message_received(message)
        if self._end_follows and not self.over:
            self.all_received()

    def _body_overdue(self) -> None:
        """Go on without the body of a response that does not come: no other provider waits for it."""
        assert self._session is not None  # noqa: S101 - it is there until the call is over
        response = self._processor.body_overdue(self._session)
        if response is not None:
            self.send(response.SerializeToString())

    def _outside(self, step: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - passed on
        """Run *step* from a timer."""
        self._guarded(step, *arguments)
        self._flush()

    def _guarded(self, step: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - passed on
        """Run *step*; a fault ends this call and no other one."""
        try:
            step(*arguments)
        except (MessageError, UnexpectedEventError) as error:
            _log.warning("stream_refused", extra={"fields": describe(error)})
            self.end(Status.INVALID_ARGUMENT, CANNOT_FOLLOW)
        except Exception as error:  # noqa: BLE001 - the stream boundary
            _log.error("stream_failed", extra={"fields": describe(error)})
            self.end(Status.INTERNAL, FAILED)
