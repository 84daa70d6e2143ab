"""Large bodies past protobuf: it would copy them twice on the way in, and three times on the way out.

What is written here is what protobuf would write (protobuf.dev/programming-guides/encoding): tests hold the two to be
equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extproc._gen import wire_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message

LARGE: Final = 256 * 1024
"""Bytes from which on a body takes milliseconds: it is hashed, searched and copied."""

_LENGTH_DELIMITED: Final = 2
_MOST_OF_A_LENGTH: Final = 10


def _tag(message: type[Message], field: str) -> int:
    """Return the byte before a length-delimited *field* whose number is below 16."""
    return message.DESCRIPTOR.fields_by_name[field].number << 3 | _LENGTH_DELIMITED


_REQUEST_BODY: Final = _tag(pb.ProcessingRequest, "request_body")
_BODY: Final = _tag(pb.HttpBody, "body")
_BODY_RESPONSE: Final = bytes((_tag(pb.ProcessingResponse, "request_body"),))
_RESPONSE: Final = bytes((_tag(pb.BodyResponse, "response"),))
_BODY_MUTATION: Final = bytes((_tag(pb.CommonResponse, "body_mutation"),))
_NEW_BODY: Final = bytes((_tag(pb.BodyMutation, "body"),))


def body_of(message: bytes) -> tuple[bytes, bytes] | None:
    """Return the body of the request that *message* (a ProcessingRequest) holds, and the message without it.

    None when it holds none in the form in which Envoy sends it: the body's message first, and in it the body.
    """
    if not message or message[0] != _REQUEST_BODY:
        return None
    outer = _length(message, 1)
    if outer is None or outer[0] >= len(message) or message[outer[0]] != _BODY:
        return None
    inner_start, size = outer
    inner_end = inner_start + size
    inner = _length(message, inner_start + 1)
    if inner is None:
        return None
    body_start, body_size = inner
    body_end = body_start + body_size
    if not body_end <= inner_end <= len(message):
        return None
    rest = message[body_end:inner_end]
    return message[body_start:body_end], bytes((_REQUEST_BODY,)) + _varint(len(rest)) + rest + message[inner_end:]


def with_body(response: pb.ProcessingResponse, body: bytes) -> tuple[bytes, bytes]:
    """Return *response*, which follows a request's body, with *body* in its place, in two pieces."""
    common = response.request_body.response.SerializeToString()
    rest = pb.ProcessingResponse()
    rest.CopyFrom(response)
    rest.ClearField("request_body")
    head = _NEW_BODY + _varint(len(body))
    head = common + _BODY_MUTATION + _varint(len(head) + len(body)) + head
    head = _RESPONSE + _varint(len(head) + len(body)) + head
    return rest.SerializeToString() + _BODY_RESPONSE + _varint(len(head) + len(body)) + head, body


def _length(message: bytes, at: int) -> tuple[int, int] | None:
    """Return where what follows the varint at *at* begins, and the varint; None when there is none."""
    value = 0
    for shift, byte in enumerate(message[at : at + _MOST_OF_A_LENGTH]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return at + shift + 1, value
    return None


def _varint(value: int) -> bytes:
    """Return *value* as protobuf writes it."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
