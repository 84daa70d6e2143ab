"""Clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from extproc.doctor.model.filters import Filter


@dataclass(frozen=True, slots=True)
class Socket:
    """A host that is reached by TCP."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Inside:
    """A host that is an internal listener of the same Envoy."""

    listener: str


@dataclass(frozen=True, slots=True)
class Pipe:
    """A host that is a socket in the file system; *mode* 0: what the process that makes it leaves to others."""

    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A host that cannot be seen."""


Host: TypeAlias = Socket | Inside | Pipe | Elsewhere


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


@dataclass(frozen=True, slots=True)
class Tls:
    """How a cluster's hosts prove who they are."""

    place: str
    names_host: bool  # SNI
    checks_name: bool
    checks_authority: bool
    shows_certificate: bool  # who we are
    elsewhere: bool  # the authorities and names to check come from a secret that is not in sight


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster."""

    place: str
    name: str
    stat_name: str
    hosts: tuple[Host, ...]
    breaker: Breaker
    high_breaker: Breaker
    health_checks: int
    http2: bool
    tls: Tls | None
    other_sockets: bool  # connections are made in a way that no check knows
    options: str  # the place of its HTTP options
    filters: tuple[Filter, ...]  # its own chain; empty: the router's
