"""Whether a request's body refers to something that its provider keeps: an earlier response, a file, encrypted thought.

No other provider has it, and often no other key of the same provider. The names are those of OpenAI's Responses,
Chat Completions and Images APIs and of Anthropic's Messages API (platform.openai.com/docs/api-reference,
platform.claude.com/docs/en/api).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from extproc.exchange.body.json_depth import is_too_deep
from extproc.json_values import is_array, is_object, items, members

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of the outermost object. `container` is Anthropic's sandbox, `prompt` OpenAI's stored prompt (an object: to
# completions and images, a text).
_OUTERMOST: Final = frozenset({"previous_response_id", "conversation", "container", "prompt"})

# Anywhere in what is said, attached or allowed as a tool.
_INNER: Final = frozenset(
    {
        "file_id",
        "file_ids",
        "encrypted_content",
        "encrypted_index",
        "vector_store_ids",
        "container",
        "container_id",
        "skill_id",
    }
)
_REFERENCE: Final = "item_reference"
_AUDIO: Final = "audio"  # of an earlier response, by its id

# What clients say about their own things is no reference, though it may have the same names: the operator's own tools
# and formats, and whatever a client notes for itself.
_CLIENTS_OWN: Final = frozenset({"metadata", "parameters", "input_schema", "schema", "json_schema", "arguments"})

# One pass from quote to quote: a tenth of what a search for each name would cost.
_MARKER: Final = re.compile(rf'"(?:{"|".join(sorted({*_OUTERMOST, *_INNER, _REFERENCE, _AUDIO}))})"'.encode())


def refers_to_state(body: bytes) -> bool:
    """Return whether *body*, a JSON text, refers to something that only one provider has.

    The names are looked for as bytes first: hardly any body has one, and those that have are read whole. A name that is
    spelled with escapes is not found; no client writes one so. What cannot be read is taken to refer.
    """
    if _MARKER.search(body) is None:
        return False
    if is_too_deep(body):
        return True
    try:
        document: object = json.loads(body, strict=False, parse_int=len, parse_float=len)
    except ValueError:
        return True
    outermost = members(document)
    return any(_refers(outermost.get(name), text=name != "prompt") for name in _OUTERMOST) or any(
        _is_reference(name, value) for name, value in _members(outermost)
    )


def _members(document: dict[str, object]) -> Iterator[tuple[str, object]]:
    """Yield every key and value within *document*, however deep, but for what is the client's own."""
    rest: list[object] = [document]
    while rest:
        value = rest.pop()
        if is_array(value):
            rest += value
        elif is_object(value):
            yield from value.items()
            # What a model wants to give to a tool of the client's: `{"type": "tool_use", "name": …, "input": …}`.
            own = _CLIENTS_OWN | {"input"} if "name" in value else _CLIENTS_OWN
            rest += (inner for name, inner in value.items() if name not in own)


def _is_reference(name: str, value: object) -> bool:
    match name:
        case "type":
            return value == _REFERENCE
        case "audio":
            return _refers(value, text=False)
        case _:
            return name in _INNER and _refers(value)


def _refers(value: object, *, text: bool = True) -> bool:
    """Return whether *value* names something: a text that is not empty, an object with an id, or a list of texts."""
    if isinstance(value, str):
        return text and value != ""
    return isinstance(members(value).get("id"), str) or any(isinstance(item, str) for item in items(value))
