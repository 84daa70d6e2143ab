"""Our messages are Envoy's on the wire: held against envoy-data-plane's classes, which are made from its sources."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from support.envoy.message_types import core, ext_proc, ext_proc_filter, google
from support.envoy.messages import ENUMS, MESSAGES, OURS, THEIRS, requests, responses

from extproc._gen import wire_pb2
from extproc.exchange.events import RequestBody, RequestHeaders, ResponseHeaders
from extproc.transport.codec.requests import UnhandledMessage, decode
from extproc.transport.codec.responses import continue_after
from extproc.transport.errors import MessageError
from extproc.transport.service import METHOD, SERVICE

if TYPE_CHECKING:
    import betterproto2
    from google.protobuf.message import Message

TYPES = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_ENUM: "enum",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_MESSAGE: "message",
    FieldDescriptor.TYPE_STRING: "string",
}
SAME_ON_THE_WIRE = {("HttpStatus", "code"): "enum"}  # ours is int32: providers answer with codes that have no name
MAPS = {("ProcessingRequest", "attributes"): "map"}


def test_every_message_of_ours_is_held_against_one_of_theirs() -> None:
    """A message that is added is added here."""
    assert set(wire_pb2.DESCRIPTOR.message_types_by_name) == set(MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_fields_have_their_numbers_and_types(name: str) -> None:
    """On the wire a field is its number, and how its type is written."""
    theirs = MESSAGES[name]._betterproto.meta_by_field_name  # type: ignore[arg-type]  # it is for every class
    ours = wire_pb2.DESCRIPTOR.message_types_by_name[name].fields

    assert {
        field.name: (
            field.number,
            ({(name, field.name): TYPES[field.type]} | SAME_ON_THE_WIRE | MAPS)[name, field.name],
            field.containing_oneof.name if field.containing_oneof else None,
        )
        for field in ours
    } == {
        field.name: (theirs[field.name].number, theirs[field.name].proto_type, theirs[field.name].group)
        for field in ours
    }


@pytest.mark.parametrize("name", ENUMS)
def test_enums_have_their_values(name: str) -> None:
    """The same for the values of an enum."""
    message, _, enum = name.partition(".")
    ours = wire_pb2.DESCRIPTOR.message_types_by_name[message].enum_types_by_name[enum]

    assert {value.name: value.number for value in ours.values} == {value.name: value.value for value in ENUMS[name]}


def test_the_method_has_their_name() -> None:
    """The one name that travels."""
    assert f"/{SERVICE}/{METHOD}" in ext_proc.ExternalProcessorBase().__mapping__()


@given(requests(OURS) | responses(OURS))
def test_ours_survive_their_reading_and_writing(message: Message) -> None:
    """What we write, they understand to the last field."""
    theirs = MESSAGES[message.DESCRIPTOR.name].parse(message.SerializeToString())

    assert type(message).FromString(bytes(theirs)) == message


@given(requests(THEIRS) | responses(THEIRS))
def test_theirs_survive_our_reading_and_writing(message: betterproto2.Message) -> None:
    """What they write, we understand to the last field that we know."""
    ours = getattr(wire_pb2, type(message).__name__).FromString(bytes(message))

    assert type(message).parse(ours.SerializeToString()) == message


@given(requests(THEIRS))
def test_whatever_they_send_has_a_meaning_or_a_named_error(message: betterproto2.Message) -> None:
    """Decoding never fails in a way that nobody has thought of."""
    try:
        decode(wire_pb2.ProcessingRequest.FromString(bytes(message)))
    except MessageError:
        return


def envoys(**kind: object) -> wire_pb2.ProcessingRequest:
    """Return how we read a message of a kind, with everything around it that Envoy may send and we do not know."""
    message = ext_proc.ProcessingRequest(
        metadata_context=core.Metadata(
            filter_metadata={"a": google.Struct(fields={"b": google.Value(string_value="c")})}
        ),
        observability_mode=True,
        protocol_config=ext_proc.ProtocolConfiguration(
            request_body_mode=ext_proc_filter.ProcessingModeBodySendMode.BUFFERED,
            send_body_without_waiting_for_header_response=True,
        ),
        attributes={
            "envoy.filters.http.ext_proc": google.Struct(fields={"response.flags": google.Value(number_value=4)})
        },
        **kind,  # type: ignore[arg-type]  # one of the kinds
    )
    return wire_pb2.ProcessingRequest.FromString(bytes(message))


HEADERS = core.HeaderMap(headers=[core.HeaderValue(key=":status", raw_value=b"504")])


def test_what_we_do_not_know_is_skipped() -> None:
    """Envoy's messages grow; what we know keeps its meaning."""
    assert decode(envoys(request_headers=ext_proc.HttpHeaders(headers=HEADERS, end_of_stream=True))) == RequestHeaders(
        {":status": "504"}, end_of_stream=True
    )
    assert decode(
        envoys(request_body=ext_proc.HttpBody(body=b"x", end_of_stream=True, grpc_message_compressed=True))
    ) == RequestBody(b"x")
    assert decode(envoys(response_headers=ext_proc.HttpHeaders(headers=HEADERS))) == ResponseHeaders(
        504, {":status": "504"}, flags=4
    )


@pytest.mark.parametrize("kind", ["request_trailers", "response_trailers"])
def test_trailers_are_passed_through(kind: str) -> None:
    """They come only if Envoy is configured to send them, and then it waits."""
    event = decode(envoys(**{kind: ext_proc.HttpTrailers(trailers=HEADERS)}))

    assert event == UnhandledMessage(kind)
    assert ext_proc.ProcessingResponse.parse(continue_after(UnhandledMessage(kind)).SerializeToString()).is_set(kind)


def test_a_kind_of_the_future_is_refused_by_name() -> None:
    """Nobody can know what it wants for a response."""
    future = ext_proc.ProcessingResponse(override_message_timeout=timedelta(seconds=1))

    with pytest.raises(MessageError):
        decode(wire_pb2.ProcessingRequest.FromString(bytes(future)))
