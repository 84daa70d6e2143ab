"""Addresses, of listeners and of clusters' hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from extproc.doctor.model.node import Node


@dataclass(frozen=True, slots=True)
class Socket:
    """A host that is reached by TCP."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class InternalListener:
    """A host that is an internal listener of the same Envoy."""

    name: str


@dataclass(frozen=True, slots=True)
class Pipe:
    """A host that is a socket in the file system; *mode* 0: what the process that makes it leaves to others."""

    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class OtherAddress:
    """A host that cannot be seen."""


Host: TypeAlias = Socket | InternalListener | Pipe | OtherAddress


def host_at(address: Node) -> Host:
    """Return who is reached at *address*."""
    socket = address.at("socket_address")
    if socket.present:
        return Socket(socket.at("address").text(), socket.at("port_value").count(0))
    internal = address.at("envoy_internal_address")
    if internal.present:
        return InternalListener(internal.at("server_listener_name").text())
    pipe = address.at("pipe")
    if pipe.present:
        return Pipe(pipe.at("path").text(), pipe.at("mode").count(0))
    return OtherAddress()
