"""The compiled configuration, which the rest of the program uses; it is independent of the file's schema."""

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
    """The format of log lines."""

    TEXT = "text"
    JSON = "json"


class OnFailure(StrEnum):
    """How requests are handled while no worker of the sidecar is available."""

    REJECT = "reject"  # 503 with Retry-After
    DEFAULT_PROVIDER = "default_provider"  # fail open: Envoy sends them to the default target, without a policy


class Transport(StrEnum):
    """The transport between Envoy and a worker."""

    LEAN = "lean"  # our own implementation, for Unix sockets
    GRPCIO = "grpcio"  # the gRPC library


@dataclass(frozen=True, slots=True)
class Listener:
    """The edge listener, and the timeout of a request with all of its attempts."""

    name: str
    address: str
    port: int
    timeout: Millis
    origins: tuple[str, ...] = ()  # of web pages that may call the gateway


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
    place: str = field(default="", compare=False)  # in the file: its first target


@dataclass(frozen=True, slots=True)
class SidecarSettings:
    """Settings of the sidecar."""

    listen: Address
    workers: int
    admin: Address
    max_body_bytes: int
    log_format: LogFormat
    on_failure: OnFailure = OnFailure.REJECT
    socket_mode: int = 0o600
    socket_group: str | None = None  # None: the process's group
    tls: TlsFiles | None = None  # for host:port
    insecure: bool = False  # whether host:port may be used without TLS
    chosen_transport: Transport | None = None  # None: by address

    @property
    def transport(self) -> Transport:
        """The transport: lean on a Unix socket, the gRPC library on host:port."""
        if self.chosen_transport is not None:
            return self.chosen_transport
        return Transport.LEAN if isinstance(self.listen, UnixAddress) else Transport.GRPCIO

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The address of each worker: Envoy balances streams over endpoints, not over processes that share one."""
        return worker_addresses(self.listen, self.workers)


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Envoy's limit of concurrent retries; a failed attempt beyond it fails its request."""

    percent: float  # of the requests in flight
    min_concurrency: int  # always allowed


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """Settings of the Envoy of `up` and `render`."""

    admin: Address | None  # None: the file does not say
    retry_budget: RetryBudget | None = None  # None: no limit
    secrets: str = "/etc/envoy/secrets"  # directory of Envoy's secret files for on_failure


@dataclass(frozen=True, slots=True)
class Gateway:
    """A compiled configuration."""

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
        """The longest delay before an attempt that any policy allows, in milliseconds; 0 if none does."""
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
