"""Reading routes: what a route does not say its virtual host says, and what neither says is Envoy's default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.model.matching import exactly
from extproc.doctor.model.routes import AddedHeader, Limit, Override, Retry, Route
from extproc.doctor.reading.extensions import typed
from extproc.doctor.reading.text_matches import header_match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.model.matching import TextMatch
    from extproc.doctor.reading.node import Node

_TIMEOUT = 15_000
_RETRY_BASE = 25
_PER_TRY = ("per_try_timeout", "per_try_idle_timeout")
_HIGH = ("HIGH", 1)
_IF_ABSENT = ("ADD_IF_ABSENT", 1)


def read_routes(config: Node, *, buffer_limit: int) -> tuple[Route, ...]:
    """Return the routes of the route configuration *config*; *buffer_limit* is what its listener buffers."""
    return tuple(
        _route(route, host, config, buffer_limit)
        for host in config.at("virtual_hosts").items()
        for route in host.at("routes").items()
    )


def unseen_hosts(config: Node) -> str | None:
    """Return the place from which *config* says that routes come from elsewhere, None when all are in sight."""
    if config.at("vhds").present:
        return config.at("vhds").place
    matchers = (host.at("matcher") for host in config.at("virtual_hosts").items())
    return next((matcher.place for matcher in matchers if matcher.present), None)


def limit(node: Node, default: int) -> Limit:
    """Return the duration *node*."""
    return Limit(node.place, node.millis(default))


def _route(node: Node, host: Node, config: Node, buffer_limit: int) -> Route:
    action, levels = node.at("route"), (node, host, config)
    return Route(
        place=node.place,
        clusters=tuple(_clusters(action)),
        cluster_header=action.at("cluster_header").text().lower() or None,
        conditional=any(node.at("match", key).present for key in ("headers", "query_parameters", "grpc")),
        headers=tuple(header_match(one) for one in node.at("match", "headers").items()),
        high_priority=action.at("priority").value in _HIGH,
        timeout=limit(action.at("timeout"), _TIMEOUT),
        idle_timeout=_optional(action.at("idle_timeout")),
        max_duration=_optional(action.at("max_stream_duration", "max_stream_duration")),
        hedged=_first(action.at("hedge_policy"), host.at("hedge_policy")).at("hedge_on_per_try_timeout").flag(),
        retry=_retry(_first(action.at("retry_policy"), host.at("retry_policy"))),
        body_limit=_body_limit(node, host, buffer_limit),
        request_removals=_removals("request_headers_to_remove", levels),
        response_removals=_removals("response_headers_to_remove", levels),
        added=tuple(header for level in levels for header in _added(level.at("response_headers_to_add"))),
        overrides=tuple(override for level in levels for override in _overrides(level.at("typed_per_filter_config"))),
    )


def _clusters(action: Node) -> Iterator[str]:
    if action.at("cluster").present:
        yield action.at("cluster").text()
    for one in action.at("weighted_clusters", "clusters").items():
        yield one.at("name").text()


def _first(node: Node, otherwise: Node) -> Node:
    return node if node.present else otherwise


def _optional(node: Node) -> Limit | None:
    return limit(node, 0) if node.present else None


def _body_limit(node: Node, host: Node, buffer_limit: int) -> Limit:
    """Return how large a body may be kept: the older of the two settings can only make the listener's limit smaller."""
    for level in (node, host):
        newer, older = level.at("request_body_buffer_limit"), level.at("per_request_buffer_limit_bytes")
        if newer.present:
            return Limit(newer.place, newer.count(0))
        if older.present:
            return Limit(older.place, min(older.count(0), buffer_limit))
    return Limit(host.at("request_body_buffer_limit").place, buffer_limit)


def _removals(key: str, levels: tuple[Node, ...]) -> tuple[TextMatch, ...]:
    return tuple(exactly(name) for level in levels for name in level.at(key).texts())


def _added(headers: Node) -> Iterator[AddedHeader]:
    for one in headers.items():
        header = one.at("header")
        yield AddedHeader(
            place=one.place,
            name=header.at("key").text().lower(),
            value=header.at("value").text(),
            if_absent=one.at("append_action").value in _IF_ABSENT,
        )


def _overrides(by_filter: Node) -> Iterator[Override]:
    for name, node in by_filter.members():
        _, config = typed(node)
        yield Override(node.place, name, disabled=config.at("disabled").flag())


def _retry(node: Node) -> Retry | None:
    if not node.present:
        return None
    back_off = node.at("retry_back_off")
    base = back_off.at("base_interval").millis(_RETRY_BASE)
    return Retry(
        place=node.place,
        on=frozenset(word.strip() for word in node.at("retry_on").text().split(",") if word.strip()),
        retries=node.at("num_retries").count(1),
        headers=tuple(header_match(one) for one in node.at("retriable_headers").items()),
        conditional=any(node.at("retriable_request_headers").items()),
        try_timeouts=tuple(limit(node.at(key), 0) for key in _PER_TRY if node.at(key).millis(0)),
        base_interval=base,
        max_interval=back_off.at("max_interval").millis(10 * base),
        rate_limited=node.at("rate_limited_retry_back_off").present,
        refreshes_cluster=node.at("refresh_cluster_on_retry").flag(),
    )
