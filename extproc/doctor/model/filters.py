"""HTTP filters, as far as the checks know them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from extproc.doctor.model.matching import TextMatch
    from extproc.policy.units import Millis


class Mode(StrEnum):
    """What ext_proc does with headers, trailers or a body; the words that Envoy uses for them."""

    DEFAULT = "DEFAULT"
    SEND = "SEND"
    SKIP = "SKIP"
    NONE = "NONE"
    STREAMED = "STREAMED"
    BUFFERED = "BUFFERED"
    BUFFERED_PARTIAL = "BUFFERED_PARTIAL"
    FULL_DUPLEX_STREAMED = "FULL_DUPLEX_STREAMED"
    GRPC = "GRPC"


@dataclass(frozen=True, slots=True)
class Phases:
    """What the sidecar is shown of requests and answers."""

    place: str
    request_headers: Mode
    request_body: Mode
    response_headers: Mode
    response_body: Mode
    response_trailers: Mode


@dataclass(frozen=True, slots=True)
class MutationRules:
    """Which headers the sidecar may change."""

    place: str
    allow_all_routing: bool
    allow_envoy: bool
    disallow_system: bool
    disallow_all: bool
    allow: TextMatch | None
    disallow: TextMatch | None

    def allows(self, name: str) -> bool:
        """Tell whether header *name* may be set: the expressions come before everything else, as in Envoy."""
        if self.disallow is not None and self.disallow.fits(name):
            return False
        if self.allow is not None and self.allow.fits(name):
            return True
        if self.disallow_all or (self.disallow_system and name.startswith(":")):
            return False
        if name in {"host", ":authority", ":scheme", ":method"}:
            return self.allow_all_routing
        return self.allow_envoy or not name.startswith("x-envoy-")


@dataclass(frozen=True, slots=True)
class Shown:
    """Which headers the sidecar is shown; *only* None: all but those *hidden*."""

    only: tuple[TextMatch, ...] | None
    hidden: tuple[TextMatch, ...]

    def has(self, name: str) -> bool:
        """Tell whether header *name* is."""
        if any(match.fits(name) for match in self.hidden):
            return False
        return self.only is None or any(match.fits(name) for match in self.only)


@dataclass(frozen=True, slots=True)
class ExtProc:
    """The filter that asks an external processor."""

    place: str
    cluster: str | None  # None: not Envoy's own gRPC client
    stat_prefix: str
    phases: Phases
    rules: MutationRules
    response_attributes: frozenset[str]
    message_timeout: Millis
    failure_mode_allow: bool
    mode_override: bool
    immediate_response: bool
    observes_only: bool
    keeps_route: bool
    shown: Shown
    kept_metadata: frozenset[str]  # namespaces that the sidecar may write


@dataclass(frozen=True, slots=True)
class WholeBody:
    """The filter that waits for the whole body of a request."""

    place: str
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Removals:
    """The filter that changes headers: those it takes away."""

    request: tuple[TextMatch, ...]
    response: tuple[TextMatch, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua filter; *text* None: the script is in a file or made elsewhere."""

    place: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Router:
    """The filter that sends a request on; its upstream filters stand before clusters without a chain of their own."""

    place: str
    upstream: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Cors:
    """The filter that answers browsers."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """A filter whose settings come from elsewhere (ECDS)."""


@dataclass(frozen=True, slots=True)
class Other:
    """A filter that no check asks about."""


What: TypeAlias = ExtProc | WholeBody | Removals | Script | Router | Cors | Unseen | Other


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a chain, in its order."""

    place: str
    name: str
    disabled: bool
    what: What
