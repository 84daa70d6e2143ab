from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.extensions.filters.http.ext_proc.v3 import ExternalProcessor
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpConnectionManager

from extproc.bootstrap.attempt import attempt_listener


def test_the_message_timeout_exceeds_the_longest_hold() -> None:
    """The sidecar waits by not answering; were Envoy's patience shorter, a wait would end as a failed sidecar."""
    listener = attempt_listener(longest_hold=300_000, timeout=300_000, body_limit=1_000)

    packed = listener.filter_chains[0].filters[0].typed_config
    assert packed is not None
    manager = packed.unpack()
    assert isinstance(manager, HttpConnectionManager)
    first = manager.http_filters[0].typed_config
    assert first is not None
    ext_proc = first.unpack()
    assert isinstance(ext_proc, ExternalProcessor)
    assert ext_proc.message_timeout == timedelta(seconds=310)
