"""How Envoy asks whether a worker serves: `grpc.health.v1`, as much of it as there is to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

if TYPE_CHECKING:
    from grpc_health.v1 import health

_SERVICE: Final = "grpc.health.v1.Health"

_NOBODY: Final = "(a question that cannot be read)"


def health_handlers(servicer: health.aio.HealthServicer) -> grpc.GenericRpcHandler:
    """Return what a gRPC server needs to let *servicer* answer.

    The library's own way to add it also takes `List`, which it cannot do, and questions that cannot be read: both are
    errors in the log, with tracebacks, that anybody can cause.
    """
    said = health_pb2.HealthCheckResponse.SerializeToString
    check = grpc.unary_unary_rpc_method_handler(servicer.Check, _question, said)
    watch = grpc.unary_stream_rpc_method_handler(servicer.Watch, _question, said)
    return grpc.method_handlers_generic_handler(_SERVICE, {"Check": check, "Watch": watch})


def _question(message: bytes) -> health_pb2.HealthCheckRequest:
    """Return the question that *message* is; one that cannot be read is about a service that is not there."""
    try:
        return health_pb2.HealthCheckRequest.FromString(message)
    except DecodeError:
        return health_pb2.HealthCheckRequest(service=_NOBODY)
