"""The part of the Lua script that rewrites forms: the model name in the part `model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extproc.bootstrap import lua
from extproc.exchange.body.form import AS_THEY_ARE, LONGEST_BOUNDARY, MOST_BOUNDARIES, MOST_HEADERS

if TYPE_CHECKING:
    from collections.abc import Mapping


def form_constants() -> Mapping[str, str]:
    """Return the constants that `FORMS` needs, by name, as Lua writes them."""
    return {
        "PLAIN": lua.table(dict.fromkeys(sorted(AS_THEY_ARE), "yes")),
        "LONGEST_BOUNDARY": str(LONGEST_BOUNDARY),
        "MOST_BOUNDARIES": str(MOST_BOUNDARIES),
        "MOST_HEADERS": str(MOST_HEADERS),
    }


FORMS: Final = r"""-- The parameters of a header's value by lower-case name, without quotes; of repeated ones the first.
local function parameters(value)
  local found, at = {}, find(value, ';', 1, true)
  while at do
    local _, after, name = find(value, '^;[ \t]*([^%s;="]+)[ \t]*=[ \t]*', at)
    if after then
      local close = sub(value, after + 1, after + 1) == '"' and closing(value, after + 1)
      local said
      if close then
        said, at = sub(value, after + 2, close - 1):gsub('\\(.)', '%1'), close
      else
        local _, stop, plain = find(value, '^([^;]*)', after + 1)
        said, at = plain:match('^%s*(.-)%s*$'), stop
      end
      name = name:lower()
      found[name] = found[name] or said
    end
    at = find(value, ';', at + 1, true)
  end
  return found
end

-- Whether a part of a form is its model, and whether its value is written plainly.
local function is_model(headers)
  local found = {}
  for line in (headers:gsub('\r\n[ \t]+', ' ') .. '\r\n'):gmatch('(.-)\r\n') do
    local name, value = line:match('^([^:]*):?(.*)$')
    name = name:match('^%s*(.-)%s*$'):lower()
    found[name] = found[name] or value
  end
  local disposition = found['content-disposition'] or ''
  local found_parameters = parameters(disposition)
  local is_field = disposition:match('^[^;]*'):match('^%s*(.-)%s*$'):lower() == 'form-data'
  if not is_field or found_parameters.filename or found_parameters['filename*'] then return false end
  local extended = decoded((found_parameters['name*'] or ''):match("[^']*$"))
  if found_parameters.name ~= 'model' and extended ~= 'model' then return false end
  return true, PLAIN[(found['content-transfer-encoding'] or ''):match('^%s*(.-)%s*$'):lower()] ~= nil
end

-- First and last byte of each value that a form calls its model, and where its first part begins; nil: it is no form.
local function models_of_form(text, boundary)
  if boundary == '' or #boundary > LONGEST_BOUNDARY then return nil end
  local delimiter, found, first, start = '\r\n--' .. boundary, {}, nil, nil
  local at = sub(text, 1, #delimiter - 2) == sub(delimiter, 3) and -1 or find(text, delimiter, 1, true)
  for _ = 1, MOST_BOUNDARIES do
    if not at then return nil end
    local after = at + #delimiter
    local closes = sub(text, after, after + 1) == '--'
    local _, blanks = find(text, '^[ \t]*', closes and after + 2 or after)
    local is_line, is_end = sub(text, blanks + 1, blanks + 2) == '\r\n', blanks >= #text
    if is_line or is_end then
      if start then
        local stop = find(text, '\r\n\r\n', start - 2, true)
        if not stop or stop + 4 > math.min(at, start + MOST_HEADERS) then return nil end
        local yes, plain = is_model(sub(text, start, stop - 1))
        if yes and not plain then return nil end
        if yes then found[#found + 1] = { stop + 4, at - 1 } end
      end
      if closes then return found, first end
      if is_end then return nil end
      start = blanks + 3
      first = first or start
    end
    at = find(text, delimiter, after, true)
  end
  return nil
end

-- The same for a form: its part `model` is a text of its own.
function spliced_form(text, boundary, model)
  local found, first = models_of_form(text, boundary)
  local last = found and found[#found]
  if not last and not (model and first) then return nil end
  local named = model or sub(text, last[1], last[2])
  local name = find(named, '["\\%c]') and DEFAULT or sent('"' .. named .. '"')
  name = sub(name, 2, -2):gsub('\\(["\\/])', '%1')
  if not last then
    return table.concat({
      sub(text, 1, first - 1), 'content-disposition: form-data; name="model"\r\n\r\n', name, '\r\n--', boundary, '\r\n',
      sub(text, first),
    })
  end
  local parts, at = {}, 1
  for _, span in ipairs(found) do
    parts[#parts + 1] = sub(text, at, span[1] - 1)
    parts[#parts + 1] = name
    at = span[2] + 1
  end
  parts[#parts + 1] = sub(text, at)
  local changed = table.concat(parts)
  return changed ~= text and changed or nil
end

"""
"""Rewrites forms like `exchange.body.form`; needs `closing`, `decoded` and `sent` of the script before it."""
