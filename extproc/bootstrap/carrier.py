"""The few lines of Lua that carry the attempt state from answer N to request N + 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.extensions.filters.http.lua.v3 import Lua

from extproc import names
from extproc.bootstrap.typed import http_filter

if TYPE_CHECKING:
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

SCRIPT = f"""\
function envoy_on_request(handle)
  local kept = handle:streamInfo():dynamicMetadata():get("{names.STATE_METADATA}")
  if kept and kept["state"] then
    handle:headers():replace("{names.STATE}", kept["state"])
  end
end

function envoy_on_response(handle)
  local state = handle:headers():get("{names.STATE}")
  if state then
    handle:streamInfo():dynamicMetadata():set("{names.STATE_METADATA}", "state", state)
    handle:headers():remove("{names.STATE}")
  end
end
"""
"""Stands in the upstream chain of cluster `attempt`, which sees every attempt of a request and shares the metadata of
the one stream they all belong to. Without it each attempt would start the story anew, and never end it."""


def state_carrier() -> HttpFilter:
    """Return the upstream HTTP filter that runs `SCRIPT`."""
    return http_filter("envoy.filters.http.lua", Lua(default_source_code=DataSource(inline_string=SCRIPT)))
