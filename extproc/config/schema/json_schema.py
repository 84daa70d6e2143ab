"""The file's JSON Schema (draft 2020-12), for editors and other programs.

It accepts and rejects the same files as the loader, except for what JSON Schema does not see or cannot express: values
of environment variables; YAML itself (duplicate keys); comparisons of values (max_ms above base_ms, the ends of a
range, unique models and names, targets of aliases, endpoints and timeouts of one cluster, loopback addresses); and
details of addresses (ports up to 65535, segments of a path, IP addresses).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from extproc.config.providers import PROVIDERS
from extproc.config.schema.file import ConfigTable

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Schema: TypeAlias = "dict[str, Json]"

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE: Schema = {
    "description": "a string with references to the environment: $NAME, ${NAME}, ${NAME:=default}; $$ is a dollar",
    "type": "string",
    "pattern": rf"^(?=[^$]*[$])([$]{_NAME}|([^$]|[$][$]|[$]\{{{_NAME}(:=[^}}]*)?\}})*)$(?!\n)",
}
_PROPERTY_MAPPINGS = frozenset({"properties", "$defs", "patternProperties"})
_NULLABLE = frozenset({"first_byte", "between_bytes"})


def json_schema() -> Schema:
    """Return the JSON Schema of a configuration file."""
    generated: Json = ConfigTable.model_json_schema()
    schema = _as_mapping(_adapt(generated))
    definitions = _as_mapping(schema["$defs"])
    definitions["Reference"] = _REFERENCE
    for name, rules in _RULES_BETWEEN_KEYS.items():
        _as_mapping(definitions[name])["allOf"] = list(rules)
    properties = _as_mapping(schema["properties"])
    providers = _as_mapping(properties["model_providers"])
    properties["llm_providers"] = {**providers, "description": "the old name of model_providers", "deprecated": True}
    _as_mapping(properties["listeners"])["maxItems"] = 1
    schema["required"] = ["version"]
    schema["oneOf"] = [{"required": ["model_providers"]}, {"required": ["llm_providers"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "extproc configuration"}


def _adapt(node: Json, *, key: str = "") -> Json:
    """Return *node* without pydantic's annotations, and with references as alternatives of scalar values.

    *key* is the property that the node describes.
    """
    if isinstance(node, list):
        return [_adapt(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {name: value for name, value in node.items() if not _is_noise(name, value)}
    if "patternProperties" in node:  # names that match no pattern are errors
        node["additionalProperties"] = False
    if "anyOf" in node and key not in _NULLABLE:
        node = _without_null(node)
    if node.get("type") in {"integer", "number", "boolean", "string"} or "enum" in node or "const" in node:
        return _or_reference(node)
    return {name: _adapt_part(name, value) for name, value in node.items()}


def _adapt_part(name: str, value: Json) -> Json:
    if name in _PROPERTY_MAPPINGS and isinstance(value, dict):
        return {key: _adapt(item, key=key) for key, item in value.items()}
    # Keys are never expanded; other keywords hold no schema.
    return _adapt(value) if name in {"anyOf", "items", "additionalProperties"} else value


def _or_reference(node: Schema) -> Schema:
    """Return a schema of *node*, or of a string with references that may expand to it."""
    outer: Schema = {name: node.pop(name) for name in ("default", "description") if name in node}
    if "pattern" in node:
        node["pattern"] = f"{node['pattern']}(?!\\n)"  # Python's $ also matches before a last line break
    if node.get("type") == "string" and not node.keys() & {"enum", "const"}:
        refused = _as_mapping(node.get("not", {})).get("pattern")
        node["not"] = {"pattern": "[$]" if refused is None else f"[$]|{refused}"}
    return {"anyOf": [node, {"$ref": "#/$defs/Reference"}], **outer}


def _without_null(node: Schema) -> Schema:
    """Return *node* without the null of an absent key: null in the file is an error."""
    kept = [choice for choice in _as_list(node["anyOf"]) if choice != {"type": "null"}]
    if len(kept) != 1:
        return {**node, "anyOf": kept}
    return {**_as_mapping(kept[0]), **{name: value for name, value in node.items() if name != "anyOf"}}


def _is_noise(name: str, value: Json) -> bool:
    if name == "title":
        return isinstance(value, str)
    return name in {"format", "writeOnly"} or (name == "default" and (value is None or isinstance(value, dict | list)))


def _as_mapping(value: Json) -> Schema:
    if not isinstance(value, dict):
        raise TypeError(f"expected a mapping in the generated schema, got {type(value).__name__}")
    return value


def _as_list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list in the generated schema, got {type(value).__name__}")
    return value


def _model(pattern: str) -> Schema:
    return {"properties": {"model": {"pattern": pattern}}}


_KNOWN = _model(f"^({'|'.join(PROVIDERS)})/")
_WITHOUT_ADDRESS = "|".join(prefix for prefix, provider in PROVIDERS.items() if provider.base_url is None)
_DEFAULT_TRUE: Schema = {"properties": {"default": {"const": True}}, "required": ["default"]}

_RULES_BETWEEN_KEYS: Mapping[str, tuple[Schema, ...]] = {
    "ProviderTable": (
        {"not": {"required": ["access_key", "access_keys"]}},
        {"if": _model("/[*]$"), "then": {"not": _DEFAULT_TRUE}},
        {"anyOf": [_KNOWN, _model("[$]"), {"required": ["provider_interface", "base_url"]}]},
        {"if": _model(f"^({_WITHOUT_ADDRESS})/"), "then": {"required": ["base_url"]}},
    ),
    "SidecarTable": (
        {
            "if": {"properties": {"listen": {"pattern": "^(?!unix:)[^$]*$"}}, "required": ["listen"]},
            "then": {"anyOf": [{"required": ["tls"]}, {"required": ["insecure"]}]},
        },
        {"not": {"properties": {"transport": {"const": "lean"}}, "required": ["transport", "tls"]}},
    ),
    "HighLatencyTable": (
        {
            "if": {"properties": {"min_triggers": {"type": "integer", "minimum": 2}}, "required": ["min_triggers"]},
            "then": {
                "not": {"properties": {"trigger_window_seconds": {"const": 0}}, "required": ["trigger_window_seconds"]}
            },
        },
    ),
}
