"""Routes: what a route does not set its virtual host or its listener does, and what none sets is Envoy's default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from extproc.doctor.model.extensions import typed
from extproc.doctor.model.matching import exactly, header_match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.model.matching import HeaderMatch, TextMatch
    from extproc.doctor.model.node import Node

BUFFER_LIMIT = 1024 * 1024
IDLE_TIMEOUT = 300_000
TIMEOUT = 15_000
_HIGH = ("HIGH", 1)


@dataclass(frozen=True, slots=True)
class Limit:
    """A number and where it stands: milliseconds, 0 for none, or bytes."""

    place: str
    value: int


@dataclass(frozen=True, slots=True)
class Override:
    """Settings of a filter for certain routes only."""

    place: str
    filter: str
    disabled: bool


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One route, of a virtual host of a route configuration of a connection manager of a listener."""

    node: Node
    host: Node
    config: Node
    manager: Node
    listener: Node

    @property
    def place(self) -> str:
        """The path to it."""
        return self.node.place

    @property
    def action(self) -> Node:
        """Where it sends requests, and how."""
        return self.node.at("route")

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters that it names."""
        weighted = [one.at("name").text() for one in self.action.at("weighted_clusters", "clusters").items()]
        return tuple(name for name in (self.action.at("cluster").text(), *weighted) if name)

    @property
    def cluster_header(self) -> str:
        """The header that names its cluster; empty: none does."""
        return self.action.at("cluster_header").text().lower()

    @property
    def conditional(self) -> bool:
        """Whether it concerns requests with certain headers or parameters only."""
        return any(self.node.at("match", key).present for key in ("headers", "query_parameters", "grpc"))

    @property
    def headers(self) -> tuple[HeaderMatch, ...]:
        """The headers that a request of this route has."""
        return tuple(header_match(one) for one in self.node.at("match", "headers").items())

    @property
    def high_priority(self) -> bool:
        """Whether its clusters count it among the urgent."""
        return self.action.at("priority").value in _HIGH

    @property
    def retry(self) -> Node:
        """Its retry policy."""
        return self.action.at("retry_policy").otherwise(self.host.at("retry_policy"))

    @property
    def hedge(self) -> Node:
        """Its hedge policy."""
        return self.action.at("hedge_policy").otherwise(self.host.at("hedge_policy"))

    @property
    def timeout(self) -> Limit:
        """The longest that it waits for the end of a response."""
        return limit(self.action.at("timeout"), TIMEOUT)

    @property
    def duration(self) -> Limit:
        """The longest that a stream may last."""
        of_listener = self.manager.at("common_http_protocol_options", "max_stream_duration")
        return limit(self.action.at("max_stream_duration", "max_stream_duration").otherwise(of_listener), 0)

    @property
    def idle_timeout(self) -> Limit:
        """The longest that a stream may be silent."""
        return limit(self.action.at("idle_timeout").otherwise(self.manager.at("stream_idle_timeout")), IDLE_TIMEOUT)

    @property
    def body_limit(self) -> Limit:
        """How large a body may be kept: the older of the two settings can only make the listener's limit smaller."""
        of_listener = self.listener.at("per_connection_buffer_limit_bytes").count(BUFFER_LIMIT)
        for level in (self.node, self.host):
            newer, older = level.at("request_body_buffer_limit"), level.at("per_request_buffer_limit_bytes")
            if newer.present:
                return Limit(newer.place, newer.count(0))
            if older.present:
                return Limit(older.place, min(older.count(0), of_listener))
        return Limit(self.host.at("request_body_buffer_limit").place, of_listener)

    def removals(self, direction: Literal["request", "response"]) -> list[TextMatch]:
        """Return the headers that it takes from requests, or from responses."""
        key = f"{direction}_headers_to_remove"
        return [exactly(name) for level in self._levels() for name in level.at(key).texts()]

    def added(self, name: str) -> list[Node]:
        """Return where responses are given the header *name*."""
        nodes = (one for level in self._levels() for one in level.at("response_headers_to_add").items())
        return [one for one in nodes if one.at("header", "key").text().lower() == name]

    @property
    def overrides(self) -> Iterator[Override]:
        """Settings of filters on this route."""
        for level in self._levels():
            for name, node in level.at("typed_per_filter_config").members():
                _, config = typed(node)
                yield Override(node.place, name, disabled=config.at("disabled").flag())

    def _levels(self) -> tuple[Node, ...]:
        return self.node, self.host, self.config


def limit(node: Node, default: int) -> Limit:
    """Return the duration *node*."""
    return Limit(node.place, node.millis(default))
