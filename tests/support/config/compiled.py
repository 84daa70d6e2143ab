"""A compiled configuration without a file, with defaults for all that a test is not about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.addresses import TcpAddress
from extproc.config.gateway import Cluster, EnvoySettings, Gateway, Listener, LogFormat, SidecarSettings
from extproc.exchange.upstream import Upstreams
from extproc.policy.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOPBACK = "127.0.0.1"


def a_gateway(
    *,
    address: str = LOOPBACK,
    port: int = 12_000,
    admin: int = 9_901,
    clusters: Sequence[Cluster] = (),
    timeout: int = 300_000,
    body_limit: int = 1 << 20,
    origins: Sequence[str] = (),
    catalog: Catalog | None = None,
    log_format: LogFormat = LogFormat.TEXT,
) -> Gateway:
    """Return a gateway with these clusters, and with no target unless *catalog* has some."""
    return Gateway(
        listener=Listener("models", address, port, timeout, tuple(origins)),
        catalog=Catalog(targets={}, names={}) if catalog is None else catalog,
        upstreams=Upstreams(by_id={}),
        clusters=tuple(clusters),
        sidecar=SidecarSettings(TcpAddress(LOOPBACK, 0), 1, TcpAddress(LOOPBACK, 0), body_limit, log_format),
        envoy=EnvoySettings(TcpAddress(LOOPBACK, admin)),
    )


def a_cluster(
    name: str = "openai",
    *,
    host: str = LOOPBACK,
    port: int = 443,
    tls: bool = False,
    connect_timeout: int = 1_000,
    idle_timeout: int = 60_000,
) -> Cluster:
    """Return one provider endpoint."""
    return Cluster(name, host, port, tls, connect_timeout, idle_timeout)
