from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpConnectionManager
from support.config.compiled import a_gateway

from extproc.bootstrap.edge import edge_listener


def _manager(timeout: int) -> HttpConnectionManager:
    listener = edge_listener(a_gateway(timeout=timeout).listener, silence=timeout, body_limit=1_000, retries=1)
    packed = listener.filter_chains[0].filters[0].typed_config
    assert packed is not None
    manager = packed.unpack()
    assert isinstance(manager, HttpConnectionManager)
    return manager


def test_nothing_but_silence_ends_a_stream() -> None:
    """And the listener's timeout, which the sidecar keeps, comes first, however long it is."""
    manager = _manager(timeout=3_600_000)

    assert manager.route_config is not None
    route = manager.route_config.virtual_hosts[0].routes[-1].route
    assert route is not None
    assert route.timeout == timedelta(0)
    assert manager.stream_idle_timeout == manager.request_timeout == timedelta(hours=1, seconds=30)


def test_the_edge_listens_at_the_configured_address() -> None:
    """Also on all addresses of IPv6."""
    listener = edge_listener(a_gateway(address="::", port=80).listener, silence=300_000, body_limit=1_000, retries=1)

    assert listener.address is not None
    assert listener.address.socket_address is not None
    assert (listener.address.socket_address.address, listener.address.socket_address.port_value) == ("::", 80)
