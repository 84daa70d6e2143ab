"""HTTP filters: known by the type of their settings, since names are the operator's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.doctor.model.extensions import HEADER_MUTATION, LUA, typed
from extproc.doctor.model.matching import any_fits, exactly, regex_match, text_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extproc.doctor.model.matching import TextMatch
    from extproc.doctor.model.node import Node

_ROUTING = frozenset({"host", ":authority", ":scheme", ":method"})


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """One filter of a chain; *dynamic*: its settings come from elsewhere (ECDS)."""

    place: str
    name: str
    disabled: bool
    dynamic: bool
    kind: str
    config: Node


@dataclass(frozen=True, slots=True)
class LuaScript:
    """The script of a Lua filter; *text* None: it is in a file, or made elsewhere."""

    place: str
    text: str | None


def filters_of(chain: Node) -> tuple[Filter, ...]:
    """Return the filters of *chain*."""
    return tuple(_filter(node) for node in chain.items())


def _filter(node: Node) -> Filter:
    kind, config = typed(node.at("typed_config"))
    return Filter(
        place=node.place,
        name=node.at("name").text(),
        disabled=node.at("disabled").flag(),
        dynamic=node.at("config_discovery").present,
        kind=kind,
        config=config,
    )


def of_kind(chain: Iterable[Filter], kind: str) -> Iterator[Filter]:
    """Yield the enabled filters of *kind*, in their order."""
    return (one for one in chain if one.kind == kind and not one.disabled and not one.dynamic)


def header_removals(chain: Iterable[Filter], direction: str) -> list[TextMatch]:
    """Return which headers the filters of *chain* remove; *direction*: `request_mutations` or `response_mutations`."""
    nodes = (one.config.at("mutations", direction) for one in of_kind(chain, HEADER_MUTATION))
    return [match for node in nodes for match in removals(node)]


def removals(mutations: Node) -> Iterator[TextMatch]:
    """Yield which headers the list *mutations* (of HeaderMutation) removes."""
    for one in mutations.items():
        if one.at("remove").present:
            yield exactly(one.at("remove").text())
        elif one.at("remove_on_match").present:
            yield text_match(one.at("remove_on_match", "key_matcher"))


def lua_scripts(chain: Iterable[Filter]) -> list[LuaScript]:
    """Return the scripts of *chain*; one that is not in sight is not the same as an empty one."""
    return [_script(one.config) for one in of_kind(chain, LUA)]


def _script(config: Node) -> LuaScript:
    source = config.at("default_source_code")
    text = source.at("inline_string").otherwise(config.at("inline_code"))
    return LuaScript(text.place, text.text()) if text.present else LuaScript(source.place, None)


def allows(rules: Node, name: str) -> bool:
    """Return whether HeaderMutationRules let header *name* be changed: as in Envoy, the expressions come first."""
    disallowed, allowed = rules.at("disallow_expression"), rules.at("allow_expression")
    if disallowed.present and regex_match(disallowed).fits(name):
        return False
    if allowed.present and regex_match(allowed).fits(name):
        return True
    if rules.at("disallow_all").flag() or (rules.at("disallow_system").flag() and name.startswith(":")):
        return False
    if name in _ROUTING:
        return rules.at("allow_all_routing").flag()
    return rules.at("allow_envoy").flag() or not name.startswith("x-envoy-")


def forwards(rules: Node, name: str) -> bool:
    """Return whether HeaderForwardingRules show header *name* to the sidecar."""
    allowed, disallowed = rules.at("allowed_headers"), rules.at("disallowed_headers", "patterns")
    if any_fits(map(text_match, disallowed.items()), name):
        return False
    return not allowed.present or any_fits(map(text_match, allowed.at("patterns").items()), name)
