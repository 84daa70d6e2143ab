"""`grpc.health.v1`: what Envoy asks to learn whether a worker serves (grpc/grpc, doc/health-checking.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from extproc.transport.lean.call import Call
from extproc.transport.lean.status import Status

if TYPE_CHECKING:
    from extproc.transport.http2.sending import Sender
    from extproc.transport.lean.memory import Memory
    from extproc.transport.streams import Streams

CHECK: Final = "/grpc.health.v1.Health/Check"
WATCH: Final = "/grpc.health.v1.Health/Watch"

_RESPONSES: Final[dict[str, bytes]] = {
    name: health_pb2.HealthCheckResponse(status=number).SerializeToString()
    for name, number in health_pb2.HealthCheckResponse.ServingStatus.items()
}


def is_about_the_server(question: bytes) -> bool:
    """Return whether *question* is about the whole server: the only service with a state of its own."""
    try:
        return not health_pb2.HealthCheckRequest.FromString(question).service
    except DecodeError:
        return False


class _HealthCall(Call):
    __slots__ = ("_streams",)

    def __init__(self, stream_id: int, window: int, *, sender: Sender, memory: Memory, streams: Streams) -> None:
        super().__init__(stream_id, window, sender=sender, memory=memory)
        self._streams = streams

    def _state(self) -> bytes:
        return _RESPONSES["SERVING" if self._streams.accepting else "NOT_SERVING"]

    def all_received(self) -> None:
        """Wait for nothing: the question was asked, or never will be."""


class HealthCheck(_HealthCall):
    """One request, one response."""

    __slots__ = ()

    def message_received(self, message: bytes) -> None:
        """Respond to it."""
        if is_about_the_server(message):
            self.send(self._state())
            self.end()
        else:
            self.end(Status.NOT_FOUND, "no such service")

    def all_received(self) -> None:
        """End a call without a question."""
        self.end(Status.INTERNAL, "there is no question")


class HealthWatch(_HealthCall):
    """Sends the state, and every change of it, until either side ends the stream."""

    __slots__ = ("_watchers",)

    def __init__(
        self,
        stream_id: int,
        window: int,
        *,
        sender: Sender,
        memory: Memory,
        streams: Streams,
        watchers: set[HealthWatch],
    ) -> None:
        super().__init__(stream_id, window, sender=sender, memory=memory, streams=streams)
        self._watchers = watchers

    def message_received(self, message: bytes) -> None:
        """Respond to it, and again with every change."""
        if is_about_the_server(message):
            self._watchers.add(self)
            self.send(self._state())
        else:
            self.send(_RESPONSES["SERVICE_UNKNOWN"])

    def changed(self) -> None:
        """Send the state again."""
        self.send(self._state())

    def ended(self) -> None:
        """Watch no more."""
        self._watchers.discard(self)
