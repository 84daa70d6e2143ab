"""Which kind an extension is of, and what it is set up with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.doctor.model.node import Node

ROUTER = "envoy.extensions.filters.http.router.v3.Router"
EXT_PROC = "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor"
BUFFER = "envoy.extensions.filters.http.buffer.v3.Buffer"
CORS = "envoy.extensions.filters.http.cors.v3.Cors"
LUA = "envoy.extensions.filters.http.lua.v3.Lua"
HEADER_MUTATION = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
EARLY_HEADER_MUTATION = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
CONNECTION_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
UPSTREAM_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
UPSTREAM_TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
RAW_BUFFER = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"


def typed(config: Node) -> tuple[str, Node]:
    """Return the message type of a `typed_config`, and the message itself."""
    kind = _type(config.at("@type"))
    if kind in {"xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"}:
        return _type(config.at("type_url")), config.at("value")
    return kind, config


def _type(url: Node) -> str:
    return url.text().rpartition("/")[2]
