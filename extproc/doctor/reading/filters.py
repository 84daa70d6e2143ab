"""Reading HTTP filters: by the type of their settings; names are the operator's own."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.doctor.model.filters import (
    Cors,
    ExtProc,
    Filter,
    Mode,
    MutationRules,
    Other,
    Phases,
    Removals,
    Router,
    Script,
    Shown,
    Unseen,
    WholeBody,
)
from extproc.doctor.reading import extensions
from extproc.doctor.reading.extensions import typed
from extproc.doctor.reading.text_matches import regex_match, removals, text_match

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extproc.doctor.model.filters import What
    from extproc.doctor.model.matching import TextMatch
    from extproc.doctor.reading.node import Node

_MESSAGE_TIMEOUT = 200
_HEADER_MODES = (Mode.DEFAULT, Mode.SEND, Mode.SKIP)
_BODY_MODES = (Mode.NONE, Mode.STREAMED, Mode.BUFFERED, Mode.BUFFERED_PARTIAL, Mode.FULL_DUPLEX_STREAMED, Mode.GRPC)
_ROUTE_CACHE_RETAIN = ("RETAIN", 2)


def read_filters(chain: Node) -> tuple[Filter, ...]:
    """Return the filters of *chain*."""
    return tuple(_filter(node) for node in chain.items())


def _filter(node: Node) -> Filter:
    kind, config = typed(node.at("typed_config"))
    read = _READERS.get(kind)
    if node.at("config_discovery").present:
        what: What = Unseen()
    else:
        what = Other() if read is None else read(config)
    return Filter(node.place, node.at("name").text(), node.at("disabled").flag(), what)


def _router(node: Node) -> Router:
    return Router(node.place, read_filters(node.at("upstream_http_filters")))


def _whole_body(node: Node) -> WholeBody:
    limit = node.at("max_request_bytes")
    return WholeBody(limit.place, limit.count(0))


def _header_mutation(node: Node) -> Removals:
    mutations = node.at("mutations")
    return Removals(
        request=tuple(removals(mutations.at("request_mutations"))),
        response=tuple(removals(mutations.at("response_mutations"))),
    )


def _lua(node: Node) -> Script:
    """Return the filter's script; none in sight is not the same as an empty one."""
    source = node.at("default_source_code")
    for text in (source.at("inline_string"), node.at("inline_code")):
        if text.present:
            return Script(text.place, text.text())
    return Script(source.place, None)


def _ext_proc(node: Node) -> ExtProc:
    service = node.at("grpc_service", "envoy_grpc", "cluster_name")
    return ExtProc(
        place=node.place,
        cluster=service.text() or None,
        stat_prefix=node.at("stat_prefix").text(),
        phases=_phases(node.at("processing_mode")),
        rules=_rules(node.at("mutation_rules")),
        response_attributes=frozenset(node.at("response_attributes").texts()),
        message_timeout=node.at("message_timeout").millis(_MESSAGE_TIMEOUT),
        failure_mode_allow=node.at("failure_mode_allow").flag(),
        mode_override=node.at("allow_mode_override").flag(),
        immediate_response=not node.at("disable_immediate_response").flag(),
        observes_only=node.at("observability_mode").flag(),
        keeps_route=node.at("disable_clear_route_cache").flag()
        or node.at("route_cache_action").value in _ROUTE_CACHE_RETAIN,
        shown=_shown(node.at("forward_rules")),
        kept_metadata=frozenset(node.at("metadata_options", "receiving_namespaces", "untyped").texts()),
    )


def _shown(node: Node) -> Shown:
    only, hidden = node.at("allowed_headers"), node.at("disallowed_headers", "patterns")
    allowed = tuple(map(text_match, only.at("patterns").items())) if only.present else None
    return Shown(only=allowed, hidden=tuple(map(text_match, hidden.items())))


def _phases(node: Node) -> Phases:
    return Phases(
        place=node.place,
        request_headers=_mode(node.at("request_header_mode"), _HEADER_MODES),
        request_body=_mode(node.at("request_body_mode"), _BODY_MODES),
        response_headers=_mode(node.at("response_header_mode"), _HEADER_MODES),
        response_body=_mode(node.at("response_body_mode"), _BODY_MODES),
        response_trailers=_mode(node.at("response_trailer_mode"), _HEADER_MODES),
    )


def _mode(node: Node, modes: tuple[Mode, ...]) -> Mode:
    """Return one of *modes*, by name or by number; the first is the default."""
    number = node.count(0)
    named = next((mode for mode in modes if mode == node.text()), None)
    return named or (modes[number] if 0 <= number < len(modes) else modes[0])


def _rules(node: Node) -> MutationRules:
    return MutationRules(
        place=node.place,
        allow_all_routing=node.at("allow_all_routing").flag(),
        allow_envoy=node.at("allow_envoy").flag(),
        disallow_system=node.at("disallow_system").flag(),
        disallow_all=node.at("disallow_all").flag(),
        allow=_expression(node.at("allow_expression")),
        disallow=_expression(node.at("disallow_expression")),
    )


def _expression(node: Node) -> TextMatch | None:
    return regex_match(node) if node.present else None


_READERS: Mapping[str, Callable[[Node], What]] = MappingProxyType(
    {
        extensions.ROUTER: _router,
        extensions.EXT_PROC: _ext_proc,
        extensions.BUFFER: _whole_body,
        extensions.HEADER_MUTATION: _header_mutation,
        extensions.LUA: _lua,
        extensions.CORS: lambda _node: Cors(),
    }
)
