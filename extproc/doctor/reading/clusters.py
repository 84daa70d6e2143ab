"""Reading clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.model.clusters import Breaker, Budget, Cluster
from extproc.doctor.reading.addresses import host_at
from extproc.doctor.reading.extensions import RAW_BUFFER, UPSTREAM_HTTP, UPSTREAM_TLS, typed
from extproc.doctor.reading.filters import read_filters
from extproc.doctor.reading.tls import read_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.model.clusters import Host
    from extproc.doctor.reading.node import Node

_MAX_REQUESTS = 1024
_MAX_RETRIES = 3
_BUDGET_PERCENT = 20.0
_BUDGET_CONCURRENCY = 3
_DEFAULT = ("DEFAULT", 0, None)
_HIGH = ("HIGH", 1)


def read_cluster(node: Node) -> Cluster:
    """Return the cluster *node*."""
    _, options = typed(node.at("typed_extension_protocol_options", UPSTREAM_HTTP))
    name = node.at("name").text()
    breakers = node.at("circuit_breakers")
    socket = node.at("transport_socket")
    kind, tls = typed(socket.at("typed_config"))
    return Cluster(
        place=node.place,
        name=name,
        stat_name=(node.at("alt_stat_name").text() or name).replace(":", "_"),
        hosts=tuple(_hosts(node.at("load_assignment"))),
        breaker=_breaker(breakers, _DEFAULT),
        high_breaker=_breaker(breakers, _HIGH),
        health_checks=len(list(node.at("health_checks").items())),
        http2=_speaks_http2(options) or node.at("http2_protocol_options").present,
        tls=read_tls(tls, options.at("upstream_http_protocol_options")) if kind == UPSTREAM_TLS else None,
        other_sockets=(socket.present and kind not in {UPSTREAM_TLS, RAW_BUFFER})
        or any(node.at("transport_socket_matches").items()),
        options=options.place,
        filters=read_filters(options.at("http_filters")),
    )


def _hosts(assignment: Node) -> Iterator[Host]:
    for locality in assignment.at("endpoints").items():
        for one in locality.at("lb_endpoints").items():
            yield host_at(one.at("endpoint", "address"))


def _speaks_http2(options: Node) -> bool:
    """Tell whether *options* allow HTTP/2; what ALPN agrees on (`auto_config`) does."""
    return options.at("auto_config").present or options.at("explicit_http_config", "http2_protocol_options").present


def _breaker(breakers: Node, priority: tuple[object, ...]) -> Breaker:
    thresholds = breakers.at("thresholds")
    node = next((one for one in thresholds.items() if one.at("priority").value in priority), thresholds)
    return Breaker(
        place=node.place,
        max_requests=node.at("max_requests").count(_MAX_REQUESTS),
        max_retries=node.at("max_retries").count(_MAX_RETRIES),
        budget=_budget(node.at("retry_budget")),
    )


def _budget(node: Node) -> Budget | None:
    if not node.present:
        return None
    return Budget(
        place=node.place,
        percent=node.at("budget_percent", "value").real(0.0 if node.at("budget_percent").present else _BUDGET_PERCENT),
        min_concurrency=node.at("min_retry_concurrency").count(_BUDGET_CONCURRENCY),
    )
