"""Routes, with what their virtual host and route configuration add to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.doctor.model.matching import HeaderMatch, TextMatch
    from extproc.policy.units import Millis


@dataclass(frozen=True, slots=True)
class Retry:
    """A retry policy."""

    place: str
    on: frozenset[str]
    retries: int
    headers: tuple[HeaderMatch, ...]
    conditional: bool  # only requests with certain headers are retried
    try_timeouts: tuple[Limit, ...]
    base_interval: Millis
    max_interval: Millis
    rate_limited: bool  # waits by what a header of the answer says
    refreshes_cluster: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """A number and where it stands: milliseconds or bytes."""

    place: str
    value: int


@dataclass(frozen=True, slots=True)
class Override:
    """Settings of a filter for certain routes only."""

    place: str
    filter: str
    disabled: bool


@dataclass(frozen=True, slots=True)
class AddedHeader:
    """A header that answers are given."""

    place: str
    name: str
    value: str
    if_absent: bool


@dataclass(frozen=True, slots=True)
class Route:
    """One route; *clusters* and *cluster_header* are both empty when it sends nothing on."""

    place: str
    clusters: tuple[str, ...]
    cluster_header: str | None
    conditional: bool  # it concerns requests with certain headers or parameters only
    headers: tuple[HeaderMatch, ...]
    high_priority: bool
    timeout: Limit
    idle_timeout: Limit | None
    max_duration: Limit | None
    hedged: bool
    retry: Retry | None
    body_limit: Limit
    request_removals: tuple[TextMatch, ...]
    response_removals: tuple[TextMatch, ...]
    added: tuple[AddedHeader, ...]
    overrides: tuple[Override, ...]
