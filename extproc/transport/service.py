"""The stream loop: decode, receive, wait, encode. It moves messages and decides nothing."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import grpc

from extproc._gen import wire_pb2 as pb
from extproc.exchange.events import BodyOverdue, Proceed, Send
from extproc.exchange.phases import OutOfTurnError
from extproc.transport import codec
from extproc.transport.errors import MessageError
from extproc.transport.failure import describe
from extproc.transport.streams import Streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from extproc.exchange.events import Directive, Event
    from extproc.policy.model import Instant

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
METHOD = "Process"

_BODY_PATIENCE = 0.25
"""Seconds that the body of an answer may take after its headers. It is short, and on its way already."""

Record = TypeVar("Record")
Record_co = TypeVar("Record_co", covariant=True)

_log = logging.getLogger(__name__)


class Conversation(Protocol[Record_co]):
    """One attempt, as a stream sees it: `exchange.session.Session`, or a script in a test."""

    def receive(self, event: Event, *, now: Instant) -> Directive:
        """Return what to do about *event*."""

    def finish(self, *, now: Instant) -> Record_co | None:
        """Take note that the stream has ended; return the record of the attempt, None if there was none."""


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
        self._new_session = new_session
        self._clock = clock
        self._observe = observe
        self.streams = Streams()

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return what a gRPC server needs to serve this processor.

        The name of the method is the only name of Envoy's protocol that travels; see wire.proto for why the
        messages have names of their own.
        """
        method = grpc.stream_stream_rpc_method_handler(
            self.process,
            request_deserializer=codec.read,
            response_serializer=pb.ProcessingResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {METHOD: method})

    async def process(
        self,
        requests: AsyncIterator[pb.ProcessingRequest],
        context: grpc.aio.ServicerContext[pb.ProcessingRequest, pb.ProcessingResponse],
    ) -> None:
        """Serve one stream, from the attempt's request to the end of its answer.

        A fault fails this stream and no other one; what then becomes of the attempt is up to Envoy's configuration.
        What makes no sense is refused: that is the peer's fault, and a warning. All else that goes wrong is ours.
        """
        if not self.streams.welcome:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "this worker is stopping")
        with self.streams.one_more():
            try:
                await self._converse(requests, context)
            except (MessageError, OutOfTurnError) as error:
                _log.warning("stream_refused", extra={"fields": describe(error)})
                code, details = grpc.StatusCode.INVALID_ARGUMENT, "extproc cannot follow this stream; see its log"
            except grpc.aio.InternalError:  # an answer could not be sent: the peer has gone, as the record says
                code, details = grpc.StatusCode.CANCELLED, "nobody took the answer"
            except Exception as error:  # noqa: BLE001 - the stream boundary
                _log.error("stream_failed", extra={"fields": describe(error)})
                code, details = grpc.StatusCode.INTERNAL, "extproc could not serve this attempt; see its log"
            else:
                return
            with suppress(grpc.aio.InternalError):  # nobody is there to be told
                await context.abort(code, details)

    async def _converse(
        self,
        requests: AsyncIterator[pb.ProcessingRequest],
        context: grpc.aio.ServicerContext[pb.ProcessingRequest, pb.ProcessingResponse],
    ) -> None:
        session = self._new_session()
        hurry: asyncio.Task[None] | None = None
        writing = asyncio.Lock()
        try:
            async for request in requests:
                answer = await self._answer(session, request)
                async with writing:
                    await context.write(answer)
                if codec.asks_for_body(answer):
                    hurry = asyncio.create_task(self._hurry(session, context, writing))
                    hurry.add_done_callback(_tell_fault)
        finally:  # whichever way it ends: Envoy is done, the client has hung up, or we have failed
            if hurry is not None:
                hurry.cancel()
            record = session.finish(now=self._clock())
            if record is not None:
                self._observe(record)

    async def _answer(self, session: Conversation[Record], request: pb.ProcessingRequest) -> pb.ProcessingResponse:
        event = codec.decode(request)
        if isinstance(event, codec.Unasked):
            return codec.go_on(event)
        directive = session.receive(event, now=self._clock())
        if isinstance(directive, Proceed | Send) and directive.not_before is not None:
            await self._hold(directive.not_before)
        return codec.encode(directive, event)

    async def _hurry(
        self,
        session: Conversation[Record],
        context: grpc.aio.ServicerContext[pb.ProcessingRequest, pb.ProcessingResponse],
        writing: asyncio.Lock,
    ) -> None:
        """Go on without the body of an answer that does not come: no other provider waits for it.

        Envoy takes an answer to the client, or a re-dispatch, at any time.
        """
        await asyncio.sleep(_BODY_PATIENCE)
        async with writing:
            directive = session.receive(BodyOverdue(), now=self._clock())
            if not isinstance(directive, Proceed):
                with suppress(grpc.aio.InternalError):  # the peer has gone, which the stream loop will see
                    await context.write(codec.encode(directive, BodyOverdue()))

    async def _hold(self, until: Instant) -> None:
        """Wait until *until*, never less; the client hanging up ends it at once, by cancellation."""
        while (left := until - self._clock()) > 0:  # noqa: ASYNC110 - a timer may fire a little early
            await asyncio.sleep(left / 1000)


def _tell_fault(hurry: asyncio.Task[None]) -> None:
    """Log what went wrong where nobody waits for it."""
    if not hurry.cancelled() and (error := hurry.exception()) is not None:
        _log.error("stream_failed", extra={"fields": describe(error)})
