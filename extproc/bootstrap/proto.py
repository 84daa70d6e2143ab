"""Words that every part of Envoy's configuration is written with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.core.v3 import Address, Pipe, SocketAddress, TypedExtensionConfig
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any as Packed

BUFFER = "envoy.filters.http.buffer"

if TYPE_CHECKING:
    from betterproto2 import Message

    from extproc.policy.units import Millis

_OWNER_ALONE = 0o600


def extension(name: str, message: Message) -> TypedExtensionConfig:
    """Return the extension *name*, set up by *message*."""
    return TypedExtensionConfig(name=name, typed_config=Packed.pack(message))


def http_filter(name: str, message: Message) -> HttpFilter:
    """Return the HTTP filter *name*, set up by *message*."""
    return HttpFilter(name=name, typed_config=Packed.pack(message))


def duration(millis: Millis) -> timedelta:
    """Return *millis* as Envoy's configuration wants times."""
    return timedelta(milliseconds=millis)


def socket_address(host: str, port: int) -> Address:
    """Return the address of a TCP socket; *host* may be a name where Envoy resolves names."""
    return Address(socket_address=SocketAddress(address=host, port_value=port))


def listening_address(text: str) -> Address:
    """Return where Envoy listens when it is told *text*, `unix:/path` or `host:port`; a socket is its user's alone."""
    if text.startswith("unix:"):
        return Address(pipe=Pipe(path=text.removeprefix("unix:"), mode=_OWNER_ALONE))
    return socket_address(*split_host_port(text))


def split_host_port(text: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[v6]:port`.

    Raises:
        ValueError: when *text* is not of that form.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"host:port expected, got {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
