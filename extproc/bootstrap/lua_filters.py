"""The two Lua filters, for what Envoy's settings cannot express."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.extensions.filters.http.lua.v3 import Lua

from extproc import names
from extproc.bootstrap import lua
from extproc.bootstrap.proto import http_filter
from extproc.bootstrap.timeouts import MAX_UNKNOWN_CALLS, NO_WORKER_RETRY_WINDOW
from extproc.exchange.client_errors.kinds import NO_MORE_ATTEMPTS
from extproc.exchange.headers import VERSION
from extproc.exchange.url.resources import BASE_SEGMENTS, MESSAGES

if TYPE_CHECKING:
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

_REQUEST_ID = "REQUEST_ID"


def _shown(*, anthropic: bool) -> str:
    return json.dumps(NO_MORE_ATTEMPTS.body(anthropic=anthropic, request_id=_REQUEST_ID))


CARRY_STATE = f"""\
local KEPT = "{names.STATE_METADATA}"

-- Since when there has been no worker for this request; nil: there was one.
local function no_worker_since(kept)
  local since = kept["no_worker_since"]
  return since ~= 0 and since or nil
end

local function window_is_over(handle, since)
  return handle:timestamp() - since >= RETRY_WINDOW
end

local function taken(headers, name)
  local value = headers:get(name)
  if value then headers:remove(name) end
  return value
end

-- The outcome of an unprocessed attempt: the status of its response, or that there is none; and the reason.
local function undecided(headers, mark, in_flight)
  local lost = taken(headers, "{names.LOST}") or mark == "0" and in_flight and "{names.BROKEN}"
  if not lost or mark == "{names.PROCESSED}" then return mark, mark end
  local word, why = lost:match("^(%S+)(.*)$")
  local outcome = word
  if mark and (tonumber(mark) or 0) >= 400 then
    outcome = mark
    headers:replace(":status", mark) -- if no attempt follows: Envoy's own status would be a 502, which clients retry
  end
  headers:replace("{names.UNPROCESSED}", word)
  return word, outcome .. why
end

function envoy_on_request(handle)
  local headers, metadata = handle:headers(), handle:streamInfo():dynamicMetadata()
  local kept = metadata:get(KEPT) or {{}}
  if kept["state"] then
    headers:replace("{names.STATE}", kept["state"])
    if kept["undecided"] then headers:replace("{names.UNPROCESSED}", kept["undecided"]) end
  end
  local since = no_worker_since(kept)
  if FAIL_OPEN and since and (no_workers or window_is_over(handle, since)) then
    no_workers = true
    metadata:set(KEPT, "fail_open", true)
    headers:replace(FAIL_OPEN, "1")
  end
end

function envoy_on_response(handle)
  local headers, metadata = handle:headers(), handle:streamInfo():dynamicMetadata()
  local kept = metadata:get(KEPT) or {{}}
  local said, in_flight = taken(headers, "{names.STATE}"), taken(headers, "{names.IN_FLIGHT}")
  local mark, outcome = undecided(headers, headers:get("{names.UNPROCESSED}"), in_flight)
  local since = no_worker_since(kept)
  local processed = mark == "{names.PROCESSED}"
  -- A client must not follow a provider's Location, neither of a redirect nor of a delivered 304.
  if (mark and mark:find("^3")) or (headers:get(":status") or ""):find("^3") then headers:remove("location") end
  if mark == "0" then
    if not since then
      metadata:set(KEPT, "no_worker_since", handle:timestamp())
    elseif kept["fail_open"] or not FAIL_OPEN and window_is_over(handle, since) then
      headers:remove("{names.UNPROCESSED}") -- this response is delivered: no more retries
    end
    return
  end
  if since then metadata:set(KEPT, "no_worker_since", 0) end
  if processed and not headers:get("{names.DEGRADED}") then no_workers = false end
  local state = said
  if not processed then state = in_flight end
  if state == "{names.FINAL}" then
    headers:remove("{names.UNPROCESSED}") -- this attempt is the last one
  elseif headers:get("{names.REDISPATCH}") or not processed then
    local calls = (kept["calls"] or 0) + 1
    metadata:set(KEPT, "calls", calls)
    metadata:set(KEPT, "undecided", not processed and outcome or false)
    if state then metadata:set(KEPT, "state", state) end
    if calls > MOST_CALLS or not state and calls > MAX_UNKNOWN_CALLS then
      headers:remove("{names.UNPROCESSED}")
      if processed then headers:replace("{names.REDISPATCH}", "{names.SPENT}") end
    end
  end
end
"""
"""Carries the attempt state from response N to request N + 1, and ends the retries of a request without a worker.

It is in the upstream chain of cluster `attempt`, which sees every attempt of a request and shares the dynamic metadata
of their stream. Without it each attempt would be the first one of its request.

After RETRY_WINDOW without a worker the request is rejected; or, with `FAIL_OPEN`, retried once with the default target.
Then (per thread of Envoy) later requests do not wait again until a worker has responded: each of them tries the sidecar
first.
"""

FINISH_MARKED_RESPONSES = f"""\
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
"""Adds a body to a marked response after which the edge makes no further attempt, because its retries or its retry
budget are exhausted: it has none. Its format is chosen as by `local_replies.FOR_ANTHROPIC`, in Lua."""


def carry_state(*, most_calls: int, fail_open: bool) -> HttpFilter:
    """Return the upstream HTTP filter that runs `CARRY_STATE`; *fail_open*: to the default target."""
    return lua_filter(state_script(most_calls=most_calls, fail_open=fail_open))


def state_script(*, most_calls: int, fail_open: bool) -> str:
    """Return `CARRY_STATE` with its settings; *most_calls* is the most attempts of any policy."""
    settings = {
        "FAIL_OPEN": f'"{names.DEGRADED}"' if fail_open else "nil",
        "RETRY_WINDOW": NO_WORKER_RETRY_WINDOW,
        "MOST_CALLS": most_calls,
        "MAX_UNKNOWN_CALLS": MAX_UNKNOWN_CALLS,
        "no_workers": "false",
    }
    return "".join(f"local {name} = {value}\n" for name, value in settings.items()) + CARRY_STATE


def finish_marked_responses() -> HttpFilter:
    """Return the HTTP filter that runs `FINISH_MARKED_RESPONSES`."""
    return lua_filter(FINISH_MARKED_RESPONSES)


def lua_filter(script: str) -> HttpFilter:
    """Return the HTTP filter that runs *script*."""
    return http_filter("envoy.filters.http.lua", Lua(default_source_code=DataSource(inline_string=script)))
