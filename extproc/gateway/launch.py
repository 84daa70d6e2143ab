"""What `up` and `demo` start."""

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
    """What `up` starts, and with how much patience."""

    config: Path
    gateway: Gateway
    envoy: EnvoyBinary
    envoy_log_level: str
    concurrency: int | None
    workers: int
    start_timeout: float
    grace: float

    def in_directory(self, directory: Path) -> Launch:
        """Return this launch with Envoy's admin endpoint in *directory*, unless the file says where it is.

        It has no password and can stop Envoy: there it is this user's alone.
        """
        return self.with_admin(self.gateway.envoy.admin or UnixAddress(directory / _ADMIN))

    def with_admin(self, address: Address) -> Launch:
        """Return this launch with Envoy's admin endpoint at *address*."""
        return replace(self, gateway=replace(self.gateway, envoy=replace(self.gateway.envoy, admin=address)))

    @property
    def edge(self) -> Port:
        """Where clients reach the gateway from this host."""
        return Port(reachable(self.gateway.listener.address), self.gateway.listener.port)

    @property
    def admin_address(self) -> Address:
        """Where Envoy's own admin endpoint is, once that has been settled."""
        if self.gateway.envoy.admin is None:
            raise RuntimeError("where the admin endpoint is has not been settled")
        return self.gateway.envoy.admin

    @property
    def admin(self) -> Endpoint:
        """Envoy's own admin endpoint, once it has been settled."""
        return endpoint_at(self.admin_address)
