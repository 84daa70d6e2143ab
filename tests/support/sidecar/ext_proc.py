"""Envoy's side of external processing, and a conversation that follows a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc._gen import wire_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extproc.exchange.events import Directive, Event
    from extproc.policy.units import Instant

FILTER = "envoy.filters.http.ext_proc"


def header_map(fields: Iterable[tuple[str, str | bytes]]) -> pb.HeaderMap:
    """Return *fields* as Envoy sends them: all values in raw_value."""
    return pb.HeaderMap(
        headers=[
            pb.HeaderValue(key=name, raw_value=value if isinstance(value, bytes) else value.encode("latin-1"))
            for name, value in fields
        ]
    )


def request_headers(*fields: tuple[str, str | bytes], end_of_stream: bool = False) -> pb.ProcessingRequest:
    """Return the message that opens a stream."""
    return pb.ProcessingRequest(request_headers=pb.HttpHeaders(headers=header_map(fields), end_of_stream=end_of_stream))


def request_body(body: bytes) -> pb.ProcessingRequest:
    """Return the message with the whole body of the request."""
    return pb.ProcessingRequest(request_body=pb.HttpBody(body=body, end_of_stream=True))


def response_headers(
    status: int | str, *fields: tuple[str, str | bytes], attributes: Mapping[str, float | str] | None = None
) -> pb.ProcessingRequest:
    """Return the message about the answer, with *attributes* if there are any."""
    message = pb.ProcessingRequest(
        response_headers=pb.HttpHeaders(headers=header_map([(":status", str(status)), *fields]))
    )
    if attributes is not None:
        message.attributes[FILTER].update(attributes)
    return message


def response_body(body: bytes) -> pb.ProcessingRequest:
    """Return the message with the body of the answer, which comes only when it was asked for."""
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=body, end_of_stream=True))


def mutations(mutation: pb.HeaderMutation) -> dict[str, bytes]:
    """Return the fields that *mutation* sets, each of which has to overwrite what is there."""
    overwrite = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    assert all(option.append_action == overwrite for option in mutation.set_headers)
    fields = {option.header.key: option.header.raw_value for option in mutation.set_headers}
    assert len(fields) == len(mutation.set_headers)
    return fields


class ScriptedSession:
    """A conversation that answers with *script*, in order, and remembers what it was told.

    An exception in the script is raised. `finish` returns the names of the events received.
    """

    def __init__(self, *script: Directive | Exception) -> None:
        self._script = list(script)
        self.received: list[Event] = []
        self.finished: list[Instant] = []

    def receive(self, event: Event, *, now: Instant) -> Directive:  # noqa: ARG002 - part of the protocol
        """Return the next directive of the script."""
        self.received.append(event)
        directive = self._script.pop(0)
        if isinstance(directive, Exception):
            raise directive
        return directive

    def finish(self, *, now: Instant) -> list[str] | None:
        """Remember the end; a conversation in which nothing was said has no record."""
        self.finished.append(now)
        return [type(event).__name__ for event in self.received] or None
