"""Clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.doctor.model.addresses import host_at
from extproc.doctor.model.extensions import RAW_BUFFER, UPSTREAM_HTTP, UPSTREAM_TLS, typed
from extproc.doctor.model.filters import Filter, filters_of
from extproc.doctor.model.tls import Tls, read_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.model.addresses import Host
    from extproc.doctor.model.node import Node

_MAX_REQUESTS = 1024
_MAX_RETRIES = 3
_BUDGET_PERCENT = 20.0
_BUDGET_CONCURRENCY = 3
_DEFAULT = ("DEFAULT", 0, None)
_HIGH = ("HIGH", 1)


@dataclass(frozen=True, slots=True)
class Budget:
    """A retry budget, which Envoy takes instead of a number of retries."""

    place: str
    percent: float
    min_concurrency: int


@dataclass(frozen=True, slots=True)
class Breaker:
    """The limits of a cluster for one priority."""

    place: str
    max_requests: int
    max_retries: int
    budget: Budget | None


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """One cluster; *other_sockets*: connections are made in a way that no check knows."""

    node: Node
    name: str
    hosts: tuple[Host, ...]
    options: Node  # its HTTP options
    filters: tuple[Filter, ...]  # its own chain; empty: the router's
    tls: Tls | None
    other_sockets: bool

    @property
    def place(self) -> str:
        """The path to it."""
        return self.node.place

    @property
    def stat_name(self) -> str:
        """What its counters are called by."""
        return (self.node.at("alt_stat_name").text() or self.name).replace(":", "_")

    @property
    def http2(self) -> bool:
        """Whether HTTP/2 is allowed; what ALPN agrees on (`auto_config`) is."""
        explicit = self.options.at("explicit_http_config", "http2_protocol_options")
        return any(one.present for one in (explicit, self.options.at("auto_config"), self._older_http2()))

    def _older_http2(self) -> Node:
        return self.node.at("http2_protocol_options")

    def breaker(self, *, high: bool = False) -> Breaker:
        """Return its limits for requests of *high* priority, or of the usual one."""
        thresholds = self.node.at("circuit_breakers", "thresholds")
        priority = _HIGH if high else _DEFAULT
        node = next((one for one in thresholds.items() if one.at("priority").value in priority), thresholds)
        return Breaker(
            place=node.place,
            max_requests=node.at("max_requests").count(_MAX_REQUESTS),
            max_retries=node.at("max_retries").count(_MAX_RETRIES),
            budget=_budget(node.at("retry_budget")),
        )


def read_cluster(node: Node) -> Cluster:
    """Return the cluster *node*."""
    _, options = typed(node.at("typed_extension_protocol_options", UPSTREAM_HTTP))
    socket = node.at("transport_socket")
    kind, tls = typed(socket.at("typed_config"))
    return Cluster(
        node=node,
        name=node.at("name").text(),
        hosts=tuple(_hosts(node.at("load_assignment"))),
        options=options,
        filters=filters_of(options.at("http_filters")),
        tls=read_tls(tls, options.at("upstream_http_protocol_options")) if kind == UPSTREAM_TLS else None,
        other_sockets=(socket.present and kind not in {UPSTREAM_TLS, RAW_BUFFER})
        or any(True for _ in node.at("transport_socket_matches").items()),
    )


def _hosts(assignment: Node) -> Iterator[Host]:
    for locality in assignment.at("endpoints").items():
        for one in locality.at("lb_endpoints").items():
            yield host_at(one.at("endpoint", "address"))


def _budget(node: Node) -> Budget | None:
    if not node.present:
        return None
    percent = node.at("budget_percent")
    return Budget(
        place=node.place,
        percent=percent.at("value").real(0.0 if percent.present else _BUDGET_PERCENT),
        min_concurrency=node.at("min_retry_concurrency").count(_BUDGET_CONCURRENCY),
    )
