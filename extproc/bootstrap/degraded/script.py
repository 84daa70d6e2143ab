"""The Lua script that rewrites a request in fail-open mode: path, headers, and the model name in the body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from extproc.bootstrap import lua
from extproc.bootstrap.degraded.forms import FORMS, form_constants
from extproc.exchange.body.media import NEVER_JSON
from extproc.exchange.headers import DEFAULT_VERSION, VERSION, secret_headers, unwanted_headers
from extproc.exchange.url.paths import LONGEST_FIRST
from extproc.exchange.url.queries import unwanted_parameters
from extproc.exchange.url.resources import DEPLOYED, MESSAGES_PATHS
from extproc.policy.target import Api

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.exchange.upstream import Upstream


def script(upstream: Upstream, *, models: Mapping[str, str], any_of: str | None) -> str:
    """Return the script that rewrites any client's request for *upstream*.

    *models* maps clients' names of models to the provider's. Another name is kept, without its prefix, if it begins
    with *any_of*; any other is replaced by the upstream's own model.
    """
    constants = {
        "MODELS": lua.table({_json(name): _json(model) for name, model in models.items()}),
        "ANY_OF": "nil" if any_of is None else lua.text(any_of),
        "DEFAULT": lua.text(_json(upstream.model)),
        "PREFIX": lua.text(upstream.path_prefix),
        "QUERY": lua.array(upstream.query.split("&") if upstream.query else ()),
        "NOT_IN_QUERY": lua.table(dict.fromkeys(sorted(unwanted_parameters(upstream)), "yes")),
        "BASES": lua.array(LONGEST_FIRST),
        "DEPLOYED": lua.table(dict.fromkeys(sorted(DEPLOYED), "yes")),
        "MESSAGES": lua.table(dict.fromkeys(MESSAGES_PATHS, "yes")),
        "NOT_FOR_MESSAGES": lua.array(_removed(upstream, Api.MESSAGES)),
        "NOT_FOR_OTHERS": lua.array(_removed(upstream, Api.OTHER)),
        "VERSION": lua.text(VERSION),
        "DEFAULT_VERSION": lua.text(DEFAULT_VERSION),
        "NEVER_JSON": lua.table(dict.fromkeys(sorted(NEVER_JSON), "yes")),
        **form_constants(),
    }
    return "".join(f"local {name} = {value}\n" for name, value in constants.items()) + _SCRIPT


def _removed(upstream: Upstream, api: Api) -> list[str]:
    """Return the headers to remove from a request for *api*: those not for *upstream*, and those for its other API."""
    secret = {*secret_headers(upstream, Api.MESSAGES), *secret_headers(upstream, Api.OTHER)}
    return sorted((unwanted_headers(upstream) | secret) - secret_headers(upstream, api).keys())


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


_SCRIPT = (
    r"""local find, sub = string.find, string.sub

-- Where the string that opens at byte *open* closes.
local function closing(text, open)
  local at = open + 1
  while true do
    local quote = find(text, '"', at, true)
    if not quote then return nil end
    local before = quote - 1
    while sub(text, before, before) == '\\' do before = before - 1 end
    if (quote - before) % 2 == 1 then return quote end
    at = quote + 1
  end
end

-- First and last byte of each text, quotes included, that the outermost object calls its model.
local function models(text)
  local found, depth, at = {}, 0, 1
  while true do
    local open, _, mark = find(text, '(["{}%[%]])', at)
    if not open then return found end
    at = open + 1
    if mark == '{' or mark == '[' then
      depth = depth + 1
    elseif mark ~= '"' then
      depth = depth - 1
    else
      local close = closing(text, open)
      if not close then return found end
      at = close + 1
      if depth == 1 and sub(text, open, close) == '"model"' then
        local _, value = find(text, '^[ \t\r\n]*:[ \t\r\n]*"', at)
        local stop = value and closing(text, value)
        if stop then
          found[#found + 1] = { value, stop }
          at = stop + 1
        end
      end
    end
  end
end

-- What the provider calls the model that is *named* so, a JSON text.
local function sent(named)
  local known = MODELS[named]
  if known then return known end
  if ANY_OF and sub(named, 2, #ANY_OF + 1) == ANY_OF and #named > #ANY_OF + 2 then
    return '"' .. sub(named, #ANY_OF + 2)
  end
  return DEFAULT
end

-- *text* with the name that the provider knows, nil when it has it already. The *model* of the path comes first.
function spliced(text, model)
  local found = models(text)
  local last = found[#found]
  if not last and not model then return nil end
  local name = model and (find(model, '["\\%c]') and DEFAULT or sent('"' .. model .. '"'))
    or sent((sub(text, last[1], last[2]):gsub('\\/', '/')))
  if not last then
    local _, open = find(text, '^[ \t\r\n]*{')
    if not open then return nil end
    local comma = find(text, '^[ \t\r\n]*}', open + 1) and '' or ', '
    return sub(text, 1, open) .. '"model": ' .. name .. comma .. sub(text, open + 1)
  end
  local parts, at = {}, 1
  for _, span in ipairs(found) do
    if sub(text, span[1], span[2]) ~= name then
      parts[#parts + 1] = sub(text, at, span[1] - 1)
      parts[#parts + 1] = name
      at = span[2] + 1
    end
  end
  if at == 1 then return nil end
  parts[#parts + 1] = sub(text, at)
  return table.concat(parts)
end

local function decoded(text)
  return (text:gsub('%%(%x%x)', function(byte) return string.char(tonumber(byte, 16)) end))
end

"""
    + FORMS
    + r"""-- What a client's path asks for, and the model that stands in it.
local function asked(path)
  path = path:match('^[^?]*'):gsub('/+$', '')
  for _, base in ipairs(BASES) do
    if sub(path, 1, #base + 1) == base .. '/' then
      path = sub(path, #base + 1)
      break
    end
  end
  for _, tail in ipairs({ '(/[^/]+/[^/]+)$', '(/[^/]+)$' }) do
    local model, resource = path:match('^/deployments/(.+)' .. tail)
    if model and DEPLOYED[resource] then return resource, decoded(model) end
  end
  return path, nil
end

local function name_of(parameter)
  return decoded((parameter:match('^[^=]*'):gsub('+', ' ')))
end

-- The provider's query for a client's.
local function asked_with(query)
  local kept, given = {}, {}
  for parameter in (query .. '&'):gmatch('([^&]*)&') do
    local name = name_of(parameter)
    if not NOT_IN_QUERY[name:match('^%s*(.-)%s*$'):lower():gsub('_', '-')] then
      kept[#kept + 1] = parameter
      given[name] = true
    end
  end
  local sent = table.concat(kept, '&')
  for _, parameter in ipairs(QUERY) do
    if not given[name_of(parameter)] then sent = sent == '' and parameter or sent .. '&' .. parameter end
  end
  return sent
end

-- The provider's path for a client's.
function rewritten(path)
  local query = asked_with(path:match('^[^?]*%??(.*)$'))
  return PREFIX .. asked(path) .. (query == '' and '' or '?' .. query)
end

local function word(text)
  return (text or ''):match('^[^;,]*'):match('^%s*(.-)%s*$'):lower()
end

-- Whether *text* is JSON, as far as its headers say; if they say something else, by its first byte.
function is_json(kind, encoding, text)
  kind, encoding = word(kind), word(encoding)
  if encoding ~= '' and encoding ~= 'identity' then return false end
  if kind == 'application/json' or find(kind, '^application/[^%s/]+%+json$') then return true end
  if NEVER_JSON[kind:match('^[^/]*')] then return false end
  return find(text, '^[ \t\r\n]*{', sub(text, 1, 3) == '\239\187\191' and 4 or 1) ~= nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path, version = headers:get(':path'), headers:get(VERSION)
  local resource, model = asked(path)
  local for_messages = MESSAGES[resource]
  for _, name in ipairs(for_messages and NOT_FOR_MESSAGES or NOT_FOR_OTHERS) do headers:remove(name) end
  if for_messages and not headers:get(VERSION) then headers:replace(VERSION, version or DEFAULT_VERSION) end
  headers:replace(':path', rewritten(path))
  local kind, encoding = headers:get('content-type'), headers:get('content-encoding')
  local body = handle:body() -- waits for it: what was got from the handle before is of no use afterwards
  if not body then return end
  local text = body:getBytes(0, body:length())
  local changed
  if word(kind) == 'multipart/form-data' then
    changed = spliced_form(text, parameters(kind).boundary or '', model)
  else
    changed = is_json(kind, encoding, text) and spliced(text, model)
  end
  if changed then handle:headers():replace('content-length', body:setBytes(changed)) end
end
"""
)
