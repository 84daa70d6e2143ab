"""The two bits of Lua: what no setting of Envoy can say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.extensions.filters.http.lua.v3 import Lua

from extproc import names
from extproc.bootstrap.degraded import lua
from extproc.bootstrap.patience import BRIDGED
from extproc.bootstrap.typed import http_filter
from extproc.exchange.error_kinds import NO_MORE_ATTEMPTS
from extproc.exchange.headers import VERSION
from extproc.exchange.resources import BASE_SEGMENTS, MESSAGES

if TYPE_CHECKING:
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

_REQUEST_ID = "REQUEST_ID"


def _shown(*, anthropic: bool) -> str:
    return json.dumps(NO_MORE_ATTEMPTS.body(anthropic=anthropic, request_id=_REQUEST_ID))


CARRY_STATE = f"""\
local KEPT = "{names.STATE_METADATA}"

-- When this request met no worker first, and none since then; nil: it has met one.
local function alone_since(kept)
  local since = kept["alone_since"]
  return since ~= 0 and since or nil
end

local function is_over(handle, since)
  return handle:timestamp() - since >= PATIENCE
end

function envoy_on_request(handle)
  local metadata = handle:streamInfo():dynamicMetadata()
  local kept = metadata:get(KEPT) or {{}}
  if kept["state"] then
    handle:headers():replace("{names.STATE}", kept["state"])
  end
  local since = alone_since(kept)
  if LET_THROUGH and since and (gone or is_over(handle, since)) then
    gone = true
    metadata:set(KEPT, "let_through", true)
    handle:headers():replace(LET_THROUGH, "1")
  end
end

function envoy_on_response(handle)
  local headers, metadata = handle:headers(), handle:streamInfo():dynamicMetadata()
  local kept = metadata:get(KEPT) or {{}}
  local state, unjudged = headers:get("{names.STATE}"), headers:get("{names.UNJUDGED}")
  if state then
    metadata:set(KEPT, "state", state)
    headers:remove("{names.STATE}")
  end
  local since = alone_since(kept)
  if unjudged ~= "0" then
    if since then metadata:set(KEPT, "alone_since", 0) end
    if unjudged == "{names.JUDGED}" and not headers:get("{names.DEGRADED}") then gone = false end
  elseif not since then
    metadata:set(KEPT, "alone_since", handle:timestamp())
  elseif kept["let_through"] or not LET_THROUGH and is_over(handle, since) then
    headers:remove("{names.UNJUDGED}") -- this answer is delivered: no more tries
  end
end
"""
"""Carries the attempt state from answer N to request N + 1, and ends the tries of a request that meets no worker.

It stands in the upstream chain of cluster `attempt`, which sees every attempt of a request and shares the metadata of
the one stream they all belong to. Without it each attempt would begin the story anew, and none would end it.

When no worker has been there for as long as the restart of one may take, the request is refused; or, with
`LET_THROUGH`, one more try is let through to the default target. Once it is known that none is coming (each of Envoy's
threads learns it by itself), other requests need not wait for that again. The sidecar is asked first every time, so the
first answer of a worker ends it.
"""

END_MARKED_ANSWERS = f"""\
local KEPT = "{names.STATE_METADATA}"
local OPENAIS = '{_shown(anthropic=False)}'
local ANTHROPICS = '{_shown(anthropic=True)}'

local BASE_SEGMENTS = {lua.table(dict.fromkeys(BASE_SEGMENTS, "yes"))}

local function is_anthropics(headers)
  if headers:get("{VERSION}") then return true end
  local path = headers:get(":path")
  if not path:find("{MESSAGES}", 1, true) then return false end
  for segment in path:match("^[^?]*"):gmatch("/([^/]*)") do
    if not BASE_SEGMENTS[segment] then return "/" .. segment == "{MESSAGES}" end
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if headers:get(":method") == "HEAD" then
    handle:streamInfo():dynamicMetadata():set(KEPT, "bodiless", true)
  end
  if is_anthropics(headers) then
    handle:streamInfo():dynamicMetadata():set(KEPT, "anthropics", headers:get("x-request-id") or "")
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if not headers:get("{names.REDISPATCH}") then
    return
  end
  headers:remove("{names.REDISPATCH}")
  local kept = handle:streamInfo():dynamicMetadata():get(KEPT) or {{}}
  local text, id = OPENAIS, kept["anthropics"]
  if id then
    headers:replace("request-id", id)
    local quoted = id:gsub("[^ -~]", "?"):gsub('["\\\\]', "\\\\%0")
    text = ANTHROPICS:gsub("{_REQUEST_ID}", function() return quoted end)
  end
  if not kept["bodiless"] then
    headers:replace("content-type", "application/json")
    local length = handle:body(true):setBytes(text)
    handle:headers():replace("content-length", length)
  end
end
"""
"""Gives an answer that asks for another attempt a body, where the edge makes none: its retries or its retry budget are
used up. Such an answer has none of its own. Whose shape it has is `local_replies.FOR_ANTHROPIC`, in Lua."""


def carry_state(*, let_through: bool) -> HttpFilter:
    """Return the upstream HTTP filter that runs `CARRY_STATE`; *let_through*: to the default target, at last."""
    return lua_filter(state_script(let_through=let_through))


def state_script(*, let_through: bool) -> str:
    """Return `CARRY_STATE` with its settings before it."""
    header = f'"{names.DEGRADED}"' if let_through else "nil"
    return f"local LET_THROUGH = {header}\nlocal PATIENCE = {BRIDGED}\nlocal gone = false\n{CARRY_STATE}"


def end_marked_answers() -> HttpFilter:
    """Return the HTTP filter that runs `END_MARKED_ANSWERS`."""
    return lua_filter(END_MARKED_ANSWERS)


def lua_filter(script: str) -> HttpFilter:
    """Return the HTTP filter that runs *script*."""
    return http_filter("envoy.filters.http.lua", Lua(default_source_code=DataSource(inline_string=script)))
