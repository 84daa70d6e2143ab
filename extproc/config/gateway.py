"""What a configuration file compiles to: everything the rest of the program needs, and nothing of the file's shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from extproc.addresses import UnixAddress, worker_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.addresses import Address
    from extproc.exchange.upstream import Upstreams
    from extproc.policy.catalog import Catalog
    from extproc.policy.rules import Policy, Rule
    from extproc.policy.units import Millis
    from extproc.tls_files import TlsFiles


_ADMIN = "envoy-admin.sock"


class LogFormat(StrEnum):
    """How log records are written."""

    TEXT = "text"
    JSON = "json"


class OnFailure(StrEnum):
    """What becomes of requests while no worker of the sidecar is there to decide."""

    REJECT = "reject"  # refused, and told to come again
    DEFAULT_PROVIDER = "default_provider"  # sent to the default target, by Envoy alone and without a policy


class Transport(StrEnum):
    """What carries the messages between Envoy and a worker."""

    LEAN = "lean"  # our own, for connections on this host
    GRPCIO = "grpcio"  # the gRPC library: the reference, and the way back


@dataclass(frozen=True, slots=True)
class Listener:
    """Where clients reach us, and how long one request may take in all."""

    name: str
    address: str
    port: int
    timeout: Millis
    origins: tuple[str, ...] = ()  # of web pages that may call us


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Envoy cluster: one endpoint of one provider."""

    name: str
    host: str
    port: int
    tls: bool
    connect_timeout: Millis
    idle_timeout: Millis
    between_bytes: Millis | None = None  # longest silence of a response, its headers included; None: the listener's
    place: str = field(default="", compare=False)  # in the file: the first target that uses it


@dataclass(frozen=True, slots=True)
class SidecarSettings:
    """How the sidecar itself runs."""

    listen: Address
    workers: int
    admin: Address
    max_body_bytes: int
    log_format: LogFormat
    on_failure: OnFailure = OnFailure.REJECT
    socket_mode: int = 0o600
    socket_group: str | None = None  # None: the process's own
    tls: TlsFiles | None = None  # for host:port
    insecure: bool = False  # whether host:port may be without
    chosen_transport: Transport | None = None  # None: what fits the address

    @property
    def transport(self) -> Transport:
        """What carries the messages: the lean one on a Unix socket, the library between machines."""
        if self.chosen_transport is not None:
            return self.chosen_transport
        return Transport.LEAN if isinstance(self.listen, UnixAddress) else Transport.GRPCIO

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where the workers listen, each by itself: Envoy spreads its streams over endpoints, not over processes."""
        return worker_addresses(self.listen, self.workers)


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How many attempts after the first Envoy makes at once; past it, a failed attempt's request has failed."""

    percent: float  # of the requests under way
    min_concurrency: int  # allowed however few are under way


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """How the Envoy of `up` and `render` runs."""

    admin: Address | None  # None: the file does not say
    retry_budget: RetryBudget | None = None  # None: every request may fail over, however many do
    secrets: str = "/etc/envoy/secrets"  # the directory in which Envoy finds the credentials of on_failure


@dataclass(frozen=True, slots=True)
class Gateway:
    """A whole configuration, ready to be used."""

    listener: Listener
    catalog: Catalog
    upstreams: Upstreams
    clusters: tuple[Cluster, ...]  # in the order of their first use in the file
    sidecar: SidecarSettings
    envoy: EnvoySettings

    @property
    def envoy_admin(self) -> Address | None:
        """Where Envoy's admin endpoint is; None when it has none.

        Unless the file says so it is beside the sidecar's socket, if that is one: it has no password and can stop
        Envoy, and as a socket in that directory it is as private as the sidecar.
        """
        listen = self.sidecar.listen
        beside = UnixAddress(listen.path.with_name(_ADMIN)) if isinstance(listen, UnixAddress) else None
        return self.envoy.admin or beside

    @property
    def longest_silence(self) -> Millis:
        """The longest time in which nothing may happen: the wait for response headers, or a pause between bytes."""
        return max(self.listener.timeout, *(cluster.between_bytes or 0 for cluster in self.clusters), 0)

    @property
    def longest_hold(self) -> Millis:
        """The longest wait that any policy allows before an attempt; 0 when no policy allows one."""
        return max((hold for policy in self.catalog.policies.values() for hold in _holds(policy)), default=0)


def _holds(policy: Policy) -> Iterator[Millis]:
    yield policy.retry_after.max_wait
    if policy.rounds > 1:
        yield policy.round_delay
    rules: tuple[Rule | None, ...] = (
        policy.default,
        policy.on_timeout,
        policy.on_connection_error,
        *policy.on_status.values(),
    )
    for rule in rules:
        if rule is not None and rule.backoff is not None:
            yield rule.backoff.ceiling
