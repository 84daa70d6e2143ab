"""`grpc.health.v1`: how Envoy checks whether a worker serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

if TYPE_CHECKING:
    from grpc_health.v1 import health

_SERVICE: Final = "grpc.health.v1.Health"

_UNREADABLE: Final = "(a request that cannot be read)"


def health_handlers(servicer: health.aio.HealthServicer) -> grpc.GenericRpcHandler:
    """Return the handlers by which a gRPC server lets *servicer* respond.

    The library's own way to add it also takes `List`, which it cannot do, and requests that cannot be read: both are
    errors in the log, with tracebacks, that any client can cause.
    """
    serialize = health_pb2.HealthCheckResponse.SerializeToString
    check = grpc.unary_unary_rpc_method_handler(servicer.Check, _request, serialize)
    watch = grpc.unary_stream_rpc_method_handler(servicer.Watch, _request, serialize)
    return grpc.method_handlers_generic_handler(_SERVICE, {"Check": check, "Watch": watch})


def _request(message: bytes) -> health_pb2.HealthCheckRequest:
    """Return the request that *message* is; one that cannot be read is about a service that does not exist."""
    try:
        return health_pb2.HealthCheckRequest.FromString(message)
    except DecodeError:
        return health_pb2.HealthCheckRequest(service=_UNREADABLE)
