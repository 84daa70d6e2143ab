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


def request_headers(rng: Random, body: bytes, *, now: int, patient: bool) -> pb.ProcessingRequest:
    """Return the message that opens an attempt at a request with that *body*."""
    fields: Fields = [(":method", b"POST"), (":path", rng.choice(_PATHS[:2]).encode())]
    fields.append(("content-type", rng.choice(_TYPES[:2]).encode()))
    if one_in(rng, 3):
        fields[1] = (":path", rng.choice((*_PATHS, text(rng))).encode())
    if one_in(rng, 5):
        fields[2] = ("content-type", rng.choice((*_TYPES, text(rng))).encode())
    if one_in(rng, 2):
        fields += _odd(rng, _ASKED)
    if one_in(rng, 3):
        fields.append((names.STATE, state(rng, body, now=now, patient=patient)))
    if one_in(rng, 10):
        fields.append((names.HINT, rng.choice(("fast", "openai/gpt-4o", "nobody", text(rng))).encode()))
    message = pb.ProcessingRequest()
    _fill(rng, message.request_headers, fields)
    message.request_headers.end_of_stream = one_in(rng, 12)
    return message


def response_headers(rng: Random) -> pb.ProcessingRequest:
    """Return the message about an answer: a provider's, or what Envoy says in its place."""
    status = rng.choice(_STATUSES if one_in(rng, 2) else _FAILURES[:5])
    if one_in(rng, 8):
        status = rng.choice((*_FAILURES, number(rng), text(rng)))
    fields: Fields = [(":status", status.encode())]
    if one_in(rng, 3):
        fields += [("content-type", b"application/json"), ("content-length", b"%d" % rng.choice((0, 1, 99, 16_384)))]
    if one_in(rng, 4):
        fields.append(("retry-after", rng.choice(("0", "1", "2", moment(rng))).encode("latin-1", "replace")))
    if one_in(rng, 8):
        fields += [("x-ratelimit-remaining-tokens", b"0"), ("x-ratelimit-reset-tokens", moment(rng).encode())]
    if one_in(rng, 3):
        fields += _odd(rng, _ANSWERED)
    if one_in(rng, 40):
        del fields[0]
    message = pb.ProcessingRequest()
    _fill(rng, message.response_headers, fields)
    message.response_headers.end_of_stream = one_in(rng, 4)
    if one_in(rng, 2):
        _attributes(rng, message)
    return message


def response_body(rng: Random) -> pb.ProcessingRequest:
    """Return the message with the body of an answer."""
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=error_body(rng), end_of_stream=one_in(rng, 2)))


def _stray_headers(rng: Random) -> pb.ProcessingRequest:
    return request_headers(rng, request_body(rng), now=0, patient=True)


def _stray_body(rng: Random) -> pb.ProcessingRequest:
    return ext_proc.request_body(request_body(rng))


def _trailers(rng: Random) -> pb.ProcessingRequest:
    message = pb.ProcessingRequest()
    trailers = message.request_trailers if one_in(rng, 2) else message.response_trailers
    trailers.SetInParent()
    for name, value in _odd(rng, _ANSWERED):
        trailers.trailers.headers.add(key=name, raw_value=value)
    return message


def _nothing(rng: Random) -> pb.ProcessingRequest:
    message = pb.ProcessingRequest()
    if one_in(rng, 2):
        _attributes(rng, message)
    return message


_STRAYS: tuple[Callable[[Random], pb.ProcessingRequest], ...] = (
    *(_stray_headers, _stray_body, response_headers, response_body, _trailers, _nothing),
)


def stray(rng: Random) -> pb.ProcessingRequest:
    """Return a message of any kind."""
    return rng.choice(_STRAYS)(rng)


def _fill(rng: Random, message: pb.HttpHeaders, fields: Fields) -> None:
    if one_in(rng, 6):
        rng.shuffle(fields)
    for name, value in fields:
        field = message.headers.headers.add(key=name, raw_value=value)
        if one_in(rng, 60):  # the way of an old Envoy
            field.raw_value, field.value = b"", value.decode("utf-8", "replace")


def _odd(rng: Random, known: tuple[str, ...]) -> Fields:
    """Return fields that may or may not mean something, now and then very many of them."""
    many = 2_000 if one_in(rng, 200) else rng.randrange(6)
    names_ = [text(rng) if one_in(rng, 5) else rng.choice(known) for _ in range(many)]
    # The id of a request is logged, and is meant to be.
    return [(name, text(rng).encode() if name == "x-request-id" else field_value(rng)) for name in names_]


def _attributes(rng: Random, message: pb.ProcessingRequest) -> None:
    """Add what Envoy says of the answer: as it does, or of a type that it never has."""
    fields = message.attributes[text(rng) if one_in(rng, 8) else ext_proc.FILTER].fields
    flags, details = fields[names.FLAGS_ATTRIBUTE], fields[names.DETAILS_ATTRIBUTE]
    details.string_value = rng.choice(_DETAILS)
    match rng.randrange(8):
        case 0:
            flags.string_value = number(rng)
        case 1:
            flags.number_value = rng.choice((float("nan"), float("inf"), float("-inf"), 1e308, -1.0, 0.5, 2.0**64))
        case 2:
            flags.bool_value = True
            details.number_value = 1.0
        case 3:
            flags.list_value.values.add().string_value = text(rng)
            details.struct_value.fields[text(rng)].null_value = 0  # type: ignore[assignment]
        case 4:
            flags.number_value = float(any_int(rng, -(2**63), 2**63))
        case 5:
            flags.number_value = 0.0
            details.string_value = names.VIA_UPSTREAM
        case _:
            flags.number_value = float(1 << rng.randrange(30))


def unknown_fields(rng: Random, message: bytes) -> bytes:
    """Return *message* with fields added that only a newer Envoy knows, or nobody."""
    number_ = rng.choice((1, 8, 10, 11, 15, 100, 2**29 - 1))
    value = raw(rng)
    return message + _varint(number_ << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
