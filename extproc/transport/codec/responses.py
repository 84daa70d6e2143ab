"""From a directive to Envoy's ProcessingResponse.

Responses are built in place: protobuf copies a message that is put into another one, and a request body may have
megabytes.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc import names
from extproc._gen import wire_pb2 as pb
from extproc.exchange.events import (
    BodyOverdue,
    ContinueProcessing,
    Deliver,
    ImmediateResponse,
    ReadResponseBody,
    Redispatch,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    Send,
)
from extproc.transport.codec.fields import overwrite
from extproc.transport.codec.large_bodies import LARGE, with_body
from extproc.transport.codec.state import encode_state
from extproc.transport.errors import DirectiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extproc.exchange.events import Directive, Event
    from extproc.transport.codec.requests import UnhandledMessage

_BAD_GATEWAY = 502

_BODILESS = frozenset({204, 205, 304})
"""Statuses whose responses have no body (RFC 9110): Envoy makes a protocol error of one that has."""

_PROCESSED = (names.UNPROCESSED, names.PROCESSED)

# Responses that change nothing, by the kind of message before them. Shared, so they must not be written to.
_CONTINUE: Mapping[str, pb.ProcessingResponse] = MappingProxyType(
    {
        "request_headers": pb.ProcessingResponse(request_headers=pb.HeadersResponse()),
        "request_body": pb.ProcessingResponse(request_body=pb.BodyResponse()),
        "request_trailers": pb.ProcessingResponse(request_trailers=pb.TrailersResponse()),
        "response_headers": pb.ProcessingResponse(response_headers=pb.HeadersResponse()),
        "response_body": pb.ProcessingResponse(response_body=pb.BodyResponse()),
        "response_trailers": pb.ProcessingResponse(response_trailers=pb.TrailersResponse()),
    }
)


def response_to(event: Event, directive: Directive) -> tuple[bytes, ...]:
    """Return the bytes of the message that `encode` returns, in pieces.

    Raises:
        DirectiveError: as that does.
    """
    if isinstance(directive, Send) and directive.body is not None and len(directive.body) >= LARGE:
        return with_body(encode(replace(directive, body=None), event), directive.body)
    return (encode(directive, event).SerializeToString(),)


def continue_after(message: UnhandledMessage) -> pb.ProcessingResponse:
    """Return the response on which Envoy continues without a change."""
    return _CONTINUE[message.kind]


def encode(directive: Directive, event: Event) -> pb.ProcessingResponse:
    """Return the message with *directive*, in response to *event*.

    Raises:
        DirectiveError: *directive* cannot follow such an event.
    """
    match directive:
        case ContinueProcessing():
            return _continue_processing(event)
        case Send():
            return _send(directive, event)
        case ReadResponseBody():
            return _read_response_body(directive)
        case Deliver():
            return _deliver(directive, event)
        case Redispatch(status=status, state=state):
            # No body: Envoy then ends the failed response at once, and needs to reset nothing to replace it.
            mark = ((names.REDISPATCH, "1"), (names.STATE, encode_state(state)))
            return _immediate_response(status, mark)
        case ImmediateResponse(status=status, headers=headers, body=body):
            return _immediate_response(status, headers, body)


def _continue_processing(event: Event) -> pb.ProcessingResponse:
    match event:
        case RequestHeaders():
            return _CONTINUE["request_headers"]
        case RequestBody():
            return _CONTINUE["request_body"]
        case ResponseHeaders():
            return _CONTINUE["response_headers"]
        case ResponseBody():
            return _CONTINUE["response_body"]
        case BodyOverdue():
            raise DirectiveError("ContinueProcessing: expected after a message, got it without one")


def _send(directive: Send, event: Event) -> pb.ProcessingResponse:
    response = pb.ProcessingResponse()
    match event:
        case RequestHeaders() if directive.body is None:
            common = response.request_headers.response
        case RequestBody():
            common = response.request_body.response
        case _:
            raise DirectiveError(f"Send: expected after the request, got it after {type(event).__name__}")
    common.clear_route_cache = True
    _mutate(common.header_mutation, directive.set_headers, directive.remove_headers)
    if directive.body is not None:
        common.body_mutation.body = directive.body
    # In the message that names the cluster: there is no attempt of which Envoy does not know.
    _keep(response, names.FINAL if directive.in_flight is None else encode_state(directive.in_flight))
    return response


def _read_response_body(directive: ReadResponseBody) -> pb.ProcessingResponse:
    response = pb.ProcessingResponse()
    response.response_headers.SetInParent()
    # The headers wait for the body, so that both can still be replaced.
    response.mode_override.response_body_mode = pb.ProcessingMode.BUFFERED
    _keep(response, encode_state(directive.in_flight))
    return response


def _keep(response: pb.ProcessingResponse, state: str) -> None:
    """Have Envoy keep *state* until the attempt's response is processed."""
    kept = response.dynamic_metadata.fields[names.STATE_METADATA]
    kept.struct_value.fields[names.STATE_KEY].string_value = state


def _deliver(directive: Deliver, event: Event) -> pb.ProcessingResponse:
    response = pb.ProcessingResponse()
    match event:
        case ResponseHeaders():
            mutation = response.response_headers.response.header_mutation
        case ResponseBody():
            mutation = response.response_body.response.header_mutation
        case _:
            raise DirectiveError(f"Deliver: expected after the response, got it after {type(event).__name__}")
    _mutate(mutation, (*directive.set_headers, _PROCESSED), directive.remove_headers)
    return response


def _immediate_response(status: int, headers: Iterable[tuple[str, str]], body: bytes = b"") -> pb.ProcessingResponse:
    response = pb.ProcessingResponse()
    immediate = response.immediate_response
    # Envoy would make 200 of a status below it: a failure would look like an empty success.
    usable = 200 <= status <= 599 and not (body and status in _BODILESS)
    immediate.status.code = status if usable else _BAD_GATEWAY
    immediate.body = body
    _mutate(immediate.headers, (*headers, _PROCESSED))
    return response


def _mutate(mutation: pb.HeaderMutation, fields: Iterable[tuple[str, str]], remove: Iterable[str] = ()) -> None:
    overwrite(mutation, fields)
    mutation.remove_headers.extend(remove)
