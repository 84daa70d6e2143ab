"""The two bits of Lua: what no setting of Envoy can say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.extensions.filters.http.lua.v3 import Lua

from extproc import names
from extproc.bootstrap.patience import LAST_TRY
from extproc.bootstrap.typed import http_filter

if TYPE_CHECKING:
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

CARRY_STATE = f"""\
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
"""Carries the attempt state from answer N to request N + 1.

It stands in the upstream chain of cluster `attempt`, which sees every attempt of a request and shares the metadata of
the one stream they all belong to. Without it each attempt would begin the story anew, and none would end it.
"""

LET_THROUGH = f"""\
local PATIENCE = {LAST_TRY}
local gone = false

function envoy_on_request(handle)
  local kept = handle:streamInfo():dynamicMetadata():get("{names.STATE_METADATA}")
  if kept and kept["state"] then
    handle:headers():replace("{names.STATE}", kept["state"])
  end
  if kept and kept["alone"] and (gone or kept["alone"] >= PATIENCE) then
    handle:headers():replace("{names.DEGRADED}", "1")
  end
end

function envoy_on_response(handle)
  local headers, metadata = handle:headers(), handle:streamInfo():dynamicMetadata()
  local state, unjudged = headers:get("{names.STATE}"), headers:get("{names.UNJUDGED}")
  if state then
    metadata:set("{names.STATE_METADATA}", "state", state)
    headers:remove("{names.STATE}")
  end
  if unjudged == "0" then
    local kept = metadata:get("{names.STATE_METADATA}")
    local alone = (kept and kept["alone"] or 0) + 1
    metadata:set("{names.STATE_METADATA}", "alone", alone)
    gone = gone or alone >= PATIENCE
  elseif unjudged == "{names.JUDGED}" and not headers:get("{names.DEGRADED}") then
    gone = false
  end
end
"""
"""The same, and lets a request through to the default target that has met no worker so often that none is coming.

That takes as long as bridging a restart does. Once it is known (each of Envoy's threads learns it by itself), other
requests need not wait for it again: one try, then they are let through. The sidecar is asked first every time, so the
first answer of a worker ends it.
"""

NO_MORE_ATTEMPTS = {
    "error": {
        "message": "All retry attempts exhausted: this gateway cannot make another one at the moment.",
        "type": "retry_exhausted",
        "param": None,
        "code": None,
    }
}

END_MARKED_ANSWERS = f"""\
function envoy_on_request(handle)
  if handle:headers():get(":method") == "HEAD" then
    handle:streamInfo():dynamicMetadata():set("{names.STATE_METADATA}", "bodiless", true)
  end
end

function envoy_on_response(handle)
  if not handle:headers():get("{names.REDISPATCH}") then
    return
  end
  handle:headers():remove("{names.REDISPATCH}")
  local kept = handle:streamInfo():dynamicMetadata():get("{names.STATE_METADATA}")
  if not (kept and kept["bodiless"]) then
    handle:headers():replace("content-type", "application/json")
    local length = handle:body(true):setBytes('{json.dumps(NO_MORE_ATTEMPTS)}')
    handle:headers():replace("content-length", length)
  end
end
"""
"""Gives an answer that asks for another attempt a body, where the edge makes none: its retries or its retry budget are
used up. Such an answer has none of its own."""


def carry_state(*, let_through: bool) -> HttpFilter:
    """Return the upstream HTTP filter that runs `CARRY_STATE`; or `LET_THROUGH`, if that is wanted."""
    return _lua(LET_THROUGH if let_through else CARRY_STATE)


def end_marked_answers() -> HttpFilter:
    """Return the HTTP filter that runs `END_MARKED_ANSWERS`."""
    return _lua(END_MARKED_ANSWERS)


def _lua(script: str) -> HttpFilter:
    return http_filter("envoy.filters.http.lua", Lua(default_source_code=DataSource(inline_string=script)))
