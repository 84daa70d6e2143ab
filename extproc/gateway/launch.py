"""The settings with which `up` and `demo` start Envoy and the sidecar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extproc.addresses import UnixAddress
from extproc.system.http_endpoint import Port, endpoint_at
from extproc.system.ports import reachable

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.addresses import Address
    from extproc.config.gateway import Gateway
    from extproc.gateway.envoy_binary import EnvoyBinary
    from extproc.system.http_endpoint import Endpoint

ENVOY = "Envoy"
SIDECAR = "the sidecar"

_ADMIN = "admin.sock"


@dataclass(frozen=True, slots=True)
class Launch:
    """What `up` starts, and its timeouts in seconds."""

    config: Path
    gateway: Gateway
    envoy: EnvoyBinary
    envoy_log_level: str
    concurrency: int | None
    workers: int
    start_timeout: float
    grace: float

    def in_directory(self, directory: Path) -> Launch:
        """Return this launch with Envoy's admin endpoint in *directory*, unless the configuration sets an address.

        The endpoint has no authentication and can stop Envoy: in *directory* only this user reaches it.
        """
        return self.with_admin(self.gateway.envoy.admin or UnixAddress(directory / _ADMIN))

    def with_admin(self, address: Address) -> Launch:
        """Return this launch with Envoy's admin endpoint at *address*."""
        return replace(self, gateway=replace(self.gateway, envoy=replace(self.gateway.envoy, admin=address)))

    @property
    def edge(self) -> Port:
        """The edge listener, as clients on this host reach it."""
        return Port(reachable(self.gateway.listener.address), self.gateway.listener.port)

    @property
    def admin_address(self) -> Address:
        """The address of Envoy's admin endpoint; `in_directory` or `with_admin` must have set it."""
        if self.gateway.envoy.admin is None:
            raise RuntimeError("the admin endpoint has no address yet")
        return self.gateway.envoy.admin

    @property
    def admin(self) -> Endpoint:
        """Envoy's admin endpoint."""
        return endpoint_at(self.admin_address)
