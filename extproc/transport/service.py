"""The stream loop: decode, receive, wait, encode. It moves messages and decides nothing."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import grpc

from extproc._gen import wire_pb2 as pb
from extproc.exchange.events import BodyOverdue, ContinueProcessing, ReadResponseBody, Send
from extproc.exchange.phase import UnexpectedEventError
from extproc.transport.codec.requests import UnhandledMessage, decode, read
from extproc.transport.codec.responses import continue_after, encode
from extproc.transport.errors import MessageError
from extproc.transport.failure import describe
from extproc.transport.streams import Streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from extproc.exchange.events import Directive, Event
    from extproc.policy.units import Instant, Millis

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
METHOD = "Process"

STOPPING = "this worker is stopping"
CANNOT_FOLLOW = "extproc cannot follow this stream; see its log"
FAILED = "extproc could not serve this attempt; see its log"

Record = TypeVar("Record")
Record_co = TypeVar("Record_co", covariant=True)

_log = logging.getLogger(__name__)


class Conversation(Protocol[Record_co]):
    """One attempt, as a stream sees it: `exchange.session.Session`, or a script in a test."""

    def receive(self, event: Event, *, now: Instant) -> Directive:  # pyright: ignore[reportReturnType] -- a protocol
        """Return what to do about *event*."""

    def finish(self, *, now: Instant) -> Record_co | None:
        """Handle the end of the stream; return the record of the attempt, None if there was none."""


class Processor(Generic[Record]):
    """The external processor: serves each stream with a conversation of its own.

    *clock* reads epoch milliseconds; *observe* is given the record of every attempt that has ended.
    """

    def __init__(
        self,
        new_session: Callable[[], Conversation[Record]],
        clock: Callable[[], Instant],
        observe: Callable[[Record], None],
    ) -> None:
        self.new_session = new_session
        self.clock = clock
        self._observe = observe
        self.streams = Streams()

    def receive(self, session: Conversation[Record], event: Event) -> tuple[Directive, Instant | None]:
        """Return what to do about *event*, and not before when; None: now.

        Raises:
            UnexpectedEventError: it cannot come now.
        """
        directive = session.receive(event, now=self.clock())
        return directive, directive.not_before if isinstance(directive, ContinueProcessing | Send) else None

    def body_overdue(self, session: Conversation[Record]) -> pb.ProcessingResponse | None:
        """Return the response once the body of a provider's response is overdue; None: it came.

        Envoy accepts an immediate response at any time.
        """
        event = BodyOverdue()
        directive = session.receive(event, now=self.clock())
        return None if isinstance(directive, ContinueProcessing) else encode(directive, event)

    def close(self, session: Conversation[Record]) -> None:
        """End *session* and hand its record on."""
        record = session.finish(now=self.clock())
        if record is not None:
            self._observe(record)

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return what a gRPC server needs to serve this processor.

        The name of the method is the only name of Envoy's protocol that travels; see wire.proto for why the
        messages have names of their own.
        """
        method = grpc.stream_stream_rpc_method_handler(
            self.process,
            request_deserializer=read,
            response_serializer=pb.ProcessingResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {METHOD: method})

    async def process(
        self,
        requests: AsyncIterator[pb.ProcessingRequest],
        context: grpc.aio.ServicerContext[pb.ProcessingRequest, pb.ProcessingResponse],
    ) -> None:
        """Serve one stream, from the attempt's request to the end of its response.

        A fault fails this stream and no other one; what then becomes of the attempt is up to Envoy's configuration.
        An invalid message is refused: that is the peer's fault, and a warning. All other faults are ours.
        """
        if not self.streams.accepting:
            await context.abort(grpc.StatusCode.UNAVAILABLE, STOPPING)
        with self.streams.track():
            try:
                await self._converse(requests, context)
            except (MessageError, UnexpectedEventError) as error:
                _log.warning("stream_refused", extra={"fields": describe(error)})
                code, details = grpc.StatusCode.INVALID_ARGUMENT, CANNOT_FOLLOW
            except grpc.aio.InternalError:  # a response could not be sent: the peer has gone, as the record says
                code, details = grpc.StatusCode.CANCELLED, "the peer has gone"
            except Exception as error:  # noqa: BLE001 - the stream boundary
                _log.error("stream_failed", extra={"fields": describe(error)})
                code, details = grpc.StatusCode.INTERNAL, FAILED
            else:
                return
            with suppress(grpc.aio.InternalError):  # the peer has gone
                await context.abort(code, details)

    async def _converse(
        self,
        requests: AsyncIterator[pb.ProcessingRequest],
        context: grpc.aio.ServicerContext[pb.ProcessingRequest, pb.ProcessingResponse],
    ) -> None:
        session = self.new_session()
        overdue: asyncio.Task[None] | None = None
        writing = asyncio.Lock()
        try:
            async for request in requests:
                response, body_timeout = await self._respond(session, request)
                async with writing:
                    await context.write(response)
                if body_timeout is not None:
                    overdue = asyncio.create_task(self._await_body(body_timeout, session, context, writing))
                    overdue.add_done_callback(_log_fault)
        finally:  # whichever way it ends: Envoy is done, the client has hung up, or we have failed
            if overdue is not None:
                overdue.cancel()
            self.close(session)

    async def _respond(
        self, session: Conversation[Record], request: pb.ProcessingRequest
    ) -> tuple[pb.ProcessingResponse, Millis | None]:
        """Return what to send, and how long the body may take that it asks for; None: it asks for none."""
        event = decode(request)
        if isinstance(event, UnhandledMessage):
            return continue_after(event), None
        directive, not_before = self.receive(session, event)
        if not_before is not None:
            await self._hold(not_before)
        return encode(directive, event), directive.timeout if isinstance(directive, ReadResponseBody) else None

    async def _await_body(
        self,
        timeout: Millis,  # noqa: ASYNC109 - the time to act in, not one to give up after
        session: Conversation[Record],
        context: grpc.aio.ServicerContext[pb.ProcessingRequest, pb.ProcessingResponse],
        writing: asyncio.Lock,
    ) -> None:
        """Continue without the overdue body of a response: a fallback must not wait for it."""
        await asyncio.sleep(timeout / 1000)
        async with writing:
            response = self.body_overdue(session)
            if response is not None:
                with suppress(grpc.aio.InternalError):  # the peer has gone, which the stream loop will see
                    await context.write(response)

    async def _hold(self, until: Instant) -> None:
        """Wait until *until*, never less; the client hanging up ends it at once, by cancellation."""
        while (left := until - self.clock()) > 0:  # noqa: ASYNC110 - a timer may fire a little early
            await asyncio.sleep(left / 1000)


def _log_fault(overdue: asyncio.Task[None]) -> None:
    """Log the fault of a task that is not awaited."""
    if not overdue.cancelled() and (error := overdue.exception()) is not None:
        _log.error("stream_failed", extra={"fields": describe(error)})
