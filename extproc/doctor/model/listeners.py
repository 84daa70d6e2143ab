"""Listeners, as far as they speak HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from extproc.doctor.model.filters import Filter, Router

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.model.clusters import Host
    from extproc.doctor.model.matching import TextMatch
    from extproc.doctor.model.routes import Limit, Route

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listener:
    """Where connections come from; *host* None: from inside Envoy only."""

    place: str
    name: str
    host: Host | None


@dataclass(frozen=True, slots=True)
class Manager:
    """An HTTP connection manager: filters and routes of one filter chain of a listener."""

    place: str
    listener: Listener
    stat_prefix: str
    filters: tuple[Filter, ...]
    routes: tuple[Route, ...]
    unseen_routes: str | None  # the place that says where they come from
    early_removals: tuple[TextMatch, ...]
    idle_timeout: Limit
    max_duration: Limit | None
    normalizes_path: bool
    merges_slashes: bool
    accepts_http_10: bool
    is_logged: bool

    def each(self, kind: type[T]) -> Iterator[tuple[Filter, T]]:
        """Yield the enabled filters of *kind*, in their order."""
        for one in self.filters:
            if isinstance(one.what, kind) and not one.disabled:
                yield one, one.what

    @property
    def upstream(self) -> Router | None:
        """The router, None when there is none."""
        return next((router for _, router in self.each(Router)), None)
