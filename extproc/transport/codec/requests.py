"""From Envoy's ProcessingRequest to an event.

A large body is taken out of the bytes before protobuf sees them: it would copy it twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from extproc import names
from extproc._gen import wire_pb2 as pb
from extproc.exchange.events import RequestBody, RequestHeaders, ResponseBody, ResponseHeaders
from extproc.transport.codec.fields import read_fields
from extproc.transport.codec.large_bodies import LARGE, body_of
from extproc.transport.codec.state import decode_state
from extproc.transport.errors import MessageError, StateError

if TYPE_CHECKING:
    from extproc.exchange.events import Event

_ATTRIBUTES = "envoy.filters.http.ext_proc"
"""Envoy sends the attributes that it was asked for under the name of its filter."""

_STATUS_DIGITS = 3
"""RFC 9110 section 15. What has more would not fit into the attempt state, either."""


@dataclass(frozen=True, slots=True)
class UnhandledMessage:
    """A message that is no event of an attempt: trailers.

    Envoy sends them when its processing mode selects more than ours does, and waits for a response to each.
    """

    kind: str


def read(message: bytes) -> pb.ProcessingRequest:
    """Return the message that those bytes are.

    Raises:
        MessageError: they are none.
    """
    try:
        return pb.ProcessingRequest.FromString(message)
    except DecodeError as error:
        raise MessageError("ProcessingRequest: expected a message of ext_proc v3, got other bytes") from error


def decode(request: pb.ProcessingRequest) -> Event | UnhandledMessage:
    """Return the event of *request*.

    Raises:
        MessageError: it is of no kind at all, or about a response whose status or flags are none.
    """
    kind = request.WhichOneof("request")
    match kind:
        case "request_headers":
            return _request_headers(request.request_headers)
        case "request_body":
            return RequestBody(request.request_body.body)
        case "response_headers":
            return _response_headers(request)
        case "response_body":
            return ResponseBody(request.response_body.body)
        case None:
            raise MessageError("ProcessingRequest: expected one of the kinds of ext_proc v3, got none of them")
        case _:
            return UnhandledMessage(kind)


def event_of(message: bytes) -> Event | UnhandledMessage:
    """Return the event of a message's bytes, as `decode(read(message))` does.

    Raises:
        MessageError: as those do.
    """
    if len(message) >= LARGE and (found := body_of(message)) is not None:
        body, without = found
        rest = read(without)  # must be right, too, and no other kind of message or body may follow
        if rest.WhichOneof("request") == "request_body" and not rest.request_body.body:
            return RequestBody(body)
    return decode(read(message))


def _request_headers(message: pb.HttpHeaders) -> RequestHeaders:
    headers = read_fields(message.headers)
    state = headers.get(names.STATE)
    if state is None:
        return RequestHeaders(headers, message.end_of_stream)
    try:
        return RequestHeaders(headers, message.end_of_stream, carried=decode_state(state))
    except StateError:
        return RequestHeaders(headers, message.end_of_stream, state_unreadable=True)


def _response_headers(request: pb.ProcessingRequest) -> ResponseHeaders:
    headers = read_fields(request.response_headers.headers)
    status = headers.get(":status", "")
    if not (status.isascii() and status.isdecimal() and len(status) <= _STATUS_DIGITS):
        raise MessageError("response headers: expected a number of three digits as :status, got something else")
    attributes = request.attributes.get(_ATTRIBUTES)
    if attributes is None:
        return ResponseHeaders(int(status), headers, end_of_stream=request.response_headers.end_of_stream)
    flags = attributes.fields.get(names.FLAGS_ATTRIBUTE)
    if flags is not None and not isfinite(flags.number_value):
        raise MessageError("response headers: expected a number as response.flags, got none that is finite")
    details = attributes.fields.get(names.DETAILS_ATTRIBUTE)
    return ResponseHeaders(
        status=int(status),
        headers=headers,
        flags=0 if flags is None else int(flags.number_value),
        details="" if details is None else details.string_value,
        end_of_stream=request.response_headers.end_of_stream,
    )
