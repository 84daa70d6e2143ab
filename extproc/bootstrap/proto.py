"""Building blocks of Envoy's configuration."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from envoy_data_plane.envoy.config.core.v3 import Address, Pipe, SocketAddress, TypedExtensionConfig
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any as Packed

from extproc.addresses import TcpAddress, UnixAddress

BUFFER = "envoy.filters.http.buffer"

if TYPE_CHECKING:
    from betterproto2 import Message

    from extproc import addresses
    from extproc.policy.units import Millis

_OWNER_ONLY = 0o600


def extension(name: str, message: Message) -> TypedExtensionConfig:
    """Return the extension *name*, configured by *message*."""
    return TypedExtensionConfig(name=name, typed_config=Packed.pack(message))


def http_filter(name: str, message: Message) -> HttpFilter:
    """Return the HTTP filter *name*, configured by *message*."""
    return HttpFilter(name=name, typed_config=Packed.pack(message))


def duration(millis: Millis) -> timedelta:
    """Return *millis* as a duration of Envoy's configuration."""
    return timedelta(milliseconds=millis)


def socket_address(host: str, port: int) -> Address:
    """Return the address of a TCP socket; *host* may be a name where Envoy resolves names."""
    return Address(socket_address=SocketAddress(address=host, port_value=port))


def envoy_address(address: addresses.Address, *, mode: int = 0) -> Address:
    """Return *address* in Envoy's words; *mode* is that of a socket which Envoy makes, 0 leaves it to the umask."""
    match address:
        case UnixAddress(path=path):
            return Address(pipe=Pipe(path=str(path), mode=mode))
        case TcpAddress(host=host, port=port):
            return socket_address(host, port)
        case _:
            assert_never(address)


def listening_address(address: addresses.Address) -> Address:
    """Return *address* as a listening address of Envoy; a Unix socket has mode 0600."""
    return envoy_address(address, mode=_OWNER_ONLY)
