"""What is read and written past protobuf is what protobuf reads and writes."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc._gen import wire_pb2 as pb
from extproc.exchange.events import RequestBody, Send
from extproc.transport.codec.large_bodies import body_of, with_body
from extproc.transport.codec.requests import event_of
from extproc.transport.codec.responses import encode
from extproc.transport.errors import MessageError

BODIES = st.sampled_from([0, 1, 126, 127, 128, 16_383, 16_384, 70_000]).map(bytes) | st.binary(max_size=300)


def a_message(body: bytes, *, end: bool, details: str) -> pb.ProcessingRequest:
    """Return what Envoy says about a request's body, with an attribute if there are *details*."""
    message = pb.ProcessingRequest(request_body=pb.HttpBody(body=body, end_of_stream=end))
    if details:
        message.attributes["envoy.filters.http.ext_proc"].update({"response.code_details": details})
    return message


MESSAGES = st.builds(a_message, BODIES, end=st.booleans(), details=st.text(max_size=5))


@given(MESSAGES)
def test_a_body_is_read_as_protobuf_reads_it(message: pb.ProcessingRequest) -> None:
    """And all that is not the body is kept."""
    found = body_of(message.SerializeToString())
    if not message.request_body.body:  # an empty one is not written
        assert found is None or found[0] == b""
        return

    assert found is not None
    body, rest = found
    expected = pb.ProcessingRequest()
    expected.CopyFrom(message)
    expected.request_body.body = b""
    assert body == message.request_body.body
    assert pb.ProcessingRequest.FromString(rest) == expected


@given(st.binary(max_size=60) | st.builds(lambda tail: b"\x22" + tail, st.binary(max_size=60)))
@example(b"\x22")
@example(b"\x22\xff")
@example(b"\x22\x03\x0a\xff\x01")
@example(b"\x22\x02\x0a\x01xy")
@example(b"\x22\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00")
@example(b"\x22\x03\x0a\x01x\x22\x03\x0a\x01y")
@example(b"\x22\x03\x0a\x01x\x1a\x02\x18\x01")
def test_any_bytes_are_what_they_are_for_protobuf(message: bytes) -> None:
    """A message that protobuf refuses is refused, and one that it understands otherwise is understood so."""
    found: list[object] = []
    for large in (0, 10**9):
        with mock.patch("extproc.transport.codec.requests.LARGE", large):
            try:
                found.append(event_of(message))
            except MessageError:
                found.append(None)

    assert found[0] == found[1]


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_384, 70_000])
@pytest.mark.parametrize("name", ["x", "y" * 200])
def test_a_response_is_written_as_protobuf_writes_it(size: int, name: str) -> None:
    directive = Send(((name, "v" * size),), ("remove",), bytes(size))
    event = RequestBody(b"{}")
    whole = encode(directive, event)
    without = encode(Send(directive.set_headers, directive.remove_headers), event)

    pieces = with_body(without, bytes(size))

    assert pieces[1] == bytes(size)
    assert pb.ProcessingResponse.FromString(b"".join(pieces)) == whole
