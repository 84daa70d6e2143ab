"""A sidecar without a policy: it does what the request's own headers tell it, and records what it is told.

Headers of a request that it understands (and removes):

- `plan: a,b`: try cluster a; when it does not answer with 200, cluster b; and so on
- `hold: 0.5`: wait so many seconds before each attempt
- `limit: 500`: give each attempt so many milliseconds to response headers
- `answer: 429`: answer at once, without any attempt
- `deliver: 1`: pass on whatever comes back
- `read: 1`: ask for the body of each answer first
- `final: 1`: tell Envoy that no other attempt may follow
- `provider: api.example`: the host to name to the provider
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import grpc

from extproc import names
from extproc._gen import wire_pb2 as wire

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse(status=SERVING)
_READ = wire.ProcessingResponse(
    response_headers=wire.HeadersResponse(),
    mode_override=wire.ProcessingMode(response_body_mode=wire.ProcessingMode.BUFFERED),
)
OVERWRITE = wire.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


@dataclass(slots=True)
class Stream:
    """What the toy was told about one attempt; grows while the attempt lasts."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    status: str = ""
    answer: dict[str, str] = field(default_factory=dict)
    flags: int = 0
    details: str = ""
    ended_after: float | None = None  # seconds from its beginning
    cancelled: bool = False


class ToySidecar:
    """The toy, listening on a free port of its own while its context lasts.

    Mutable: owns the record of what it was told. A *broken* one is healthy by its own word and fails every stream.
    """

    def __init__(self, port: int = 0, *, broken: bool = False) -> None:
        self.streams: list[Stream] = []
        self._broken = broken
        self.dead = threading.Event()
        self._stopping = threading.Event()
        self._server = grpc.server(
            ThreadPoolExecutor(256),
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
                ("grpc.http2.max_ping_strikes", 0),
            ],
        )
        process = grpc.stream_stream_rpc_method_handler(
            self._process,
            request_deserializer=wire.ProcessingRequest.FromString,
            response_serializer=wire.ProcessingResponse.SerializeToString,
        )
        healthy: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
            lambda _request, _context: _SERVING
        )
        self._server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    "envoy.service.ext_proc.v3.ExternalProcessor", {"Process": process}
                ),
                grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": healthy}),
            ]
        )
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    @property
    def address(self) -> str:
        """Where it listens, as the sidecar's settings write it."""
        return f"127.0.0.1:{self.port}"

    def die(self) -> None:
        """Stop at once: every open stream breaks."""
        self._stopping.set()
        self._server.stop(grace=None).wait()
        self.dead.set()

    def _process(
        self, requests: Iterator[wire.ProcessingRequest], context: grpc.ServicerContext
    ) -> Iterator[wire.ProcessingResponse]:
        stream = Stream()
        self.streams.append(stream)
        began = time.monotonic()

        def end() -> None:
            stream.ended_after = time.monotonic() - began

        context.add_callback(end)
        if self._broken:
            context.abort(grpc.StatusCode.INTERNAL, "broken")
        for request in requests:
            match request.WhichOneof("request"):
                case "request_headers":
                    stream.headers = _headers(request.request_headers)
                    if "answer" in stream.headers:
                        yield self._answer(int(stream.headers["answer"]), b'{"by":"toy"}')
                        return
                    if self._stopping.wait(float(stream.headers.get("hold", 0))) or not context.is_active():
                        stream.cancelled = True
                        return
                    yield self._attempt(stream)
                case "request_body":
                    stream.body = request.request_body.body
                    yield _body(stream)
                case "response_headers":
                    _take_answer(stream, request)
                    yield _READ if "read" in stream.headers else self._respond(stream)
                case "response_body":
                    yield self._respond(stream)
                case kind:
                    raise AssertionError(f"not asked for: {kind}")

    def _attempt(self, stream: Stream) -> wire.ProcessingResponse:
        if _tried(stream) >= len(_plan(stream)):  # nobody has decided on the last one
            return self._answer(502, b'{"by":"toy"}')
        answer = wire.ProcessingResponse()
        answer.request_headers.SetInParent()
        if stream.headers[":method"] != "POST":
            _send(stream, answer.request_headers.response)
            _keep(stream, answer)
        return answer

    def _respond(self, stream: Stream) -> wire.ProcessingResponse:
        if stream.status == "200" or "deliver" in stream.headers:
            answer = wire.ProcessingResponse()
            mutation = answer.response_headers.response.header_mutation
            mutation.set_headers.extend([_option(names.UNPROCESSED, names.PROCESSED), _option(names.MODEL, "toy")])
            return answer
        tried = _tried(stream) + 1
        status = int(stream.status)
        if tried == len(_plan(stream)):
            return self._answer(status, b'{"by":"toy"}')
        return self._answer(status, b"", (names.REDISPATCH, "1"), (names.STATE, json.dumps(tried)))

    @staticmethod
    def _answer(status: int, body: bytes, *headers: tuple[str, str]) -> wire.ProcessingResponse:
        answer = wire.ProcessingResponse()
        answer.immediate_response.status.code = status
        answer.immediate_response.body = body
        answer.immediate_response.headers.set_headers.append(_option(names.UNPROCESSED, names.PROCESSED))
        if body:
            answer.immediate_response.headers.set_headers.append(_option("content-type", "application/json"))
            answer.immediate_response.headers.set_headers.append(_option(names.ATTEMPTS, "7"))
        answer.immediate_response.headers.set_headers.extend(_option(*header) for header in headers)
        return answer


def _plan(stream: Stream) -> list[str]:
    return stream.headers["plan"].split(",")


def _tried(stream: Stream) -> int:
    return int(json.loads(stream.headers.get(names.STATE, "0")))


def _body(stream: Stream) -> wire.ProcessingResponse:
    answer = wire.ProcessingResponse()
    common = answer.request_body.response
    _send(stream, common)
    common.body_mutation.body = stream.body
    common.header_mutation.set_headers.append(_option("content-length", str(len(stream.body))))
    _keep(stream, answer)
    return answer


def _keep(stream: Stream, answer: wire.ProcessingResponse) -> None:
    """Tell Envoy what the attempt is, should nobody decide on its response."""
    state = names.FINAL if "final" in stream.headers else json.dumps(_tried(stream) + 1)
    kept = answer.dynamic_metadata.fields[names.STATE_METADATA].struct_value
    kept.fields[names.STATE_KEY].string_value = state


def _send(stream: Stream, common: wire.CommonResponse) -> None:
    cluster = _plan(stream)[_tried(stream)]
    common.clear_route_cache = True
    common.header_mutation.set_headers.extend(
        [
            _option(names.CLUSTER, cluster),
            _option(":authority", stream.headers.get("provider", f"{cluster}.example")),
            _option("authorization", f"Bearer key-of-{cluster}"),
            _option(names.RESPONSE_TIMEOUT, "0"),
        ]
    )
    if "limit" in stream.headers:
        common.header_mutation.set_headers.append(_option(names.TRY_TIMEOUT, stream.headers["limit"]))
    common.header_mutation.remove_headers.extend(
        ["plan", "hold", "limit", "deliver", "read", "final", "provider", names.STATE]
    )


def _take_answer(stream: Stream, request: wire.ProcessingRequest) -> None:
    stream.answer = _headers(request.response_headers)
    stream.status = stream.answer[":status"]
    attributes = request.attributes["envoy.filters.http.ext_proc"].fields
    stream.flags = int(attributes[names.FLAGS_ATTRIBUTE].number_value)
    stream.details = attributes[names.DETAILS_ATTRIBUTE].string_value


def _option(key: str, value: str) -> wire.HeaderValueOption:
    return wire.HeaderValueOption(header=wire.HeaderValue(key=key, raw_value=value.encode()), append_action=OVERWRITE)


def _headers(message: wire.HttpHeaders) -> dict[str, str]:
    return {header.key: header.raw_value.decode() for header in message.headers.headers}
