"""A health check of a running server, as Envoy does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from extproc.addresses import UnixAddress
from extproc.system.errors import ListenError
from extproc.transport.tls import channel_credentials

if TYPE_CHECKING:
    from extproc.addresses import Address
    from extproc.tls_files import TlsFiles

_NO_PROXY = (("grpc.enable_http_proxy", 0),)
"""A sidecar is on this host or next to it; the environment's proxy is for the world outside."""


def why_not_serving(address: Address, *, seconds: float, tls: TlsFiles | None = None) -> str | None:
    """Return why the server at *address* takes no attempts; None when it does.

    One that has not responded within so many *seconds* does not. With *tls*, a TCP address is checked as Envoy does.
    """
    try:
        opened = _channel(address, tls)
    except ListenError as error:
        return str(error)
    with opened as channel:
        try:
            response: health_pb2.HealthCheckResponse = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=seconds
            )
        except grpc.RpcError as error:
            return f"no response: {error.code().name}"
    if response.status == health_pb2.HealthCheckResponse.SERVING:
        return None
    return f"its health is {health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)}"


def _channel(address: Address, tls: TlsFiles | None) -> grpc.Channel:
    if tls is None or isinstance(address, UnixAddress):
        return grpc.insecure_channel(str(address), options=_NO_PROXY)
    credentials, options = channel_credentials(tls)
    return grpc.secure_channel(str(address), credentials, options=(*_NO_PROXY, *options))
