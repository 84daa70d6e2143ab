"""Reading addresses, of listeners and of clusters' hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.model.clusters import Elsewhere, Inside, Pipe, Socket

if TYPE_CHECKING:
    from extproc.doctor.model.clusters import Host
    from extproc.doctor.reading.node import Node


def host_at(address: Node) -> Host:
    """Return who is reached at *address*."""
    socket = address.at("socket_address")
    if socket.present:
        return Socket(socket.at("address").text(), socket.at("port_value").count(0))
    inside = address.at("envoy_internal_address")
    if inside.present:
        return Inside(inside.at("server_listener_name").text())
    pipe = address.at("pipe")
    if pipe.present:
        return Pipe(pipe.at("path").text(), pipe.at("mode").count(0))
    return Elsewhere()
