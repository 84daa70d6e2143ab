"""Messages of external processing: what Envoy could say, and what no Envoy would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.bodies import error_body, request_body
from fuzz.states import state
from fuzz.values import any_int, field_value, moment, number, one_in, raw, text
from support.sidecar import ext_proc

from extproc import names
from extproc._gen import wire_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Fields = list[tuple[str, bytes]]

_PATHS = (
    *("/v1/chat/completions", "/v1/chat/completions?stream=true", "/v1/messages", "/v1/responses", "/v1/embeddings"),
    *("/v1/audio/speech", "/v1/files/file-1", "/v1", "/", "", "*", "/v1/../x", "/chat/completions?api-version=1&x=%ff"),
)
_TYPES = (
    *("application/json", "application/json; charset=utf-8", "application/problem+json", "text/plain", ""),
    *("multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/json,application/json"),
)
_ASKED = (
    *("accept", "authorization", "x-api-key", "api-key", "cookie", "openai-organization", "anthropic-version", "host"),
    *(
        "x-request-id",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "idempotency-key",
        "te",
        "traceparent",
    ),
    *("x-envoy-attempt-count", "x-envoy-max-retries", "x-arch-llm-provider", names.HINT, "x-extproc-model", ":method"),
)
_ANSWERED = (
    *("retry-after", "retry-after-ms", "date", "x-should-retry", "content-length", "content-encoding", "server"),
    *("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "x-ratelimit-remaining-tokens", "set-cookie"),
    *("x-ratelimit-reset-tokens", "anthropic-ratelimit-requests-reset", "anthropic-ratelimit-requests-remaining"),
    *("anthropic-ratelimit--reset", "x-envoy-upstream-service-time", "x-extproc-state", "x-extproc-redispatch"),
)
_STATUSES = ("200", "200", "204", "304", "400", "401", "402", "403", "404", "408", "409", "413", "429", "429", "429")
_FAILURES = ("500", "502", "503", "504", "529", "599", "600", "999", "100", "0", "99", "1000", "2147483648", "9" * 20)
_DETAILS = (names.VIA_UPSTREAM, "response_timeout", "upstream_reset_before_response_started{x}", "", "\0", "x\ny" * 99)
"""Envoy's own words, which are logged: nothing of a client's is in them."""


def request_headers(chance: Random, body: bytes, *, now: int, patient: bool) -> pb.ProcessingRequest:
    """Return the message that opens an attempt at a request with that *body*."""
    fields: Fields = [(":method", b"POST"), (":path", chance.choice(_PATHS[:2]).encode())]
    fields.append(("content-type", chance.choice(_TYPES[:2]).encode()))
    if one_in(chance, 3):
        fields[1] = (":path", chance.choice((*_PATHS, text(chance))).encode())
    if one_in(chance, 5):
        fields[2] = ("content-type", chance.choice((*_TYPES, text(chance))).encode())
    if one_in(chance, 2):
        fields += _odd(chance, _ASKED)
    if one_in(chance, 3):
        fields.append((names.STATE, state(chance, body, now=now, patient=patient)))
    if one_in(chance, 10):
        fields.append((names.HINT, chance.choice(("fast", "openai/gpt-4o", "nobody", text(chance))).encode()))
    message = pb.ProcessingRequest()
    _fill(chance, message.request_headers, fields)
    message.request_headers.end_of_stream = one_in(chance, 12)
    return message


def response_headers(chance: Random) -> pb.ProcessingRequest:
    """Return the message about an answer: a provider's, or what Envoy says in its place."""
    status = chance.choice(_STATUSES if one_in(chance, 2) else _FAILURES[:5])
    if one_in(chance, 8):
        status = chance.choice((*_FAILURES, number(chance), text(chance)))
    fields: Fields = [(":status", status.encode())]
    if one_in(chance, 3):
        fields += [("content-type", b"application/json"), ("content-length", b"%d" % chance.choice((0, 1, 99, 16_384)))]
    if one_in(chance, 4):
        fields.append(("retry-after", chance.choice(("0", "1", "2", moment(chance))).encode("latin-1", "replace")))
    if one_in(chance, 8):
        fields += [("x-ratelimit-remaining-tokens", b"0"), ("x-ratelimit-reset-tokens", moment(chance).encode())]
    if one_in(chance, 3):
        fields += _odd(chance, _ANSWERED)
    if one_in(chance, 40):
        del fields[0]
    message = pb.ProcessingRequest()
    _fill(chance, message.response_headers, fields)
    message.response_headers.end_of_stream = one_in(chance, 4)
    if one_in(chance, 2):
        _attributes(chance, message)
    return message


def response_body(chance: Random) -> pb.ProcessingRequest:
    """Return the message with the body of an answer."""
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=error_body(chance), end_of_stream=one_in(chance, 2)))


def _stray_headers(chance: Random) -> pb.ProcessingRequest:
    return request_headers(chance, request_body(chance), now=0, patient=True)


def _stray_body(chance: Random) -> pb.ProcessingRequest:
    return ext_proc.request_body(request_body(chance))


def _trailers(chance: Random) -> pb.ProcessingRequest:
    message = pb.ProcessingRequest()
    trailers = message.request_trailers if one_in(chance, 2) else message.response_trailers
    trailers.SetInParent()
    for name, value in _odd(chance, _ANSWERED):
        trailers.trailers.headers.add(key=name, raw_value=value)
    return message


def _nothing(chance: Random) -> pb.ProcessingRequest:
    message = pb.ProcessingRequest()
    if one_in(chance, 2):
        _attributes(chance, message)
    return message


_STRAYS: tuple[Callable[[Random], pb.ProcessingRequest], ...] = (
    *(_stray_headers, _stray_body, response_headers, response_body, _trailers, _nothing),
)


def stray(chance: Random) -> pb.ProcessingRequest:
    """Return a message of any kind."""
    return chance.choice(_STRAYS)(chance)


def _fill(chance: Random, message: pb.HttpHeaders, fields: Fields) -> None:
    if one_in(chance, 6):
        chance.shuffle(fields)
    for name, value in fields:
        field = message.headers.headers.add(key=name, raw_value=value)
        if one_in(chance, 60):  # the way of an old Envoy
            field.raw_value, field.value = b"", value.decode("utf-8", "replace")


def _odd(chance: Random, known: tuple[str, ...]) -> Fields:
    """Return fields that may or may not mean something, now and then very many of them."""
    many = 2_000 if one_in(chance, 200) else chance.randrange(6)
    names_ = [text(chance) if one_in(chance, 5) else chance.choice(known) for _ in range(many)]
    # The id of a request is logged, and is meant to be.
    return [(name, text(chance).encode() if name == "x-request-id" else field_value(chance)) for name in names_]


def _attributes(chance: Random, message: pb.ProcessingRequest) -> None:
    """Add what Envoy says of the answer: as it does, or of a type that it never has."""
    fields = message.attributes[text(chance) if one_in(chance, 8) else ext_proc.FILTER].fields
    flags, details = fields[names.FLAGS_ATTRIBUTE], fields[names.DETAILS_ATTRIBUTE]
    details.string_value = chance.choice(_DETAILS)
    match chance.randrange(8):
        case 0:
            flags.string_value = number(chance)
        case 1:
            flags.number_value = chance.choice((float("nan"), float("inf"), float("-inf"), 1e308, -1.0, 0.5, 2.0**64))
        case 2:
            flags.bool_value = True
            details.number_value = 1.0
        case 3:
            flags.list_value.values.add().string_value = text(chance)
            details.struct_value.fields[text(chance)].null_value = 0  # type: ignore[assignment]
        case 4:
            flags.number_value = float(any_int(chance, -(2**63), 2**63))
        case 5:
            flags.number_value = 0.0
            details.string_value = names.VIA_UPSTREAM
        case _:
            flags.number_value = float(1 << chance.randrange(30))


def unknown_fields(chance: Random, message: bytes) -> bytes:
    """Return *message* with fields added that only a newer Envoy knows, or nobody."""
    number_ = chance.choice((1, 8, 10, 11, 15, 100, 2**29 - 1))
    value = raw(chance)
    return message + _varint(number_ << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
