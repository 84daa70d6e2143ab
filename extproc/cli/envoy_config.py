"""Envoy's configuration for a gateway on this host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.bootstrap.trust import system_ca_file

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway


def envoy_config(gateway: Gateway) -> str:
    """Return what Envoy must be started with when the sidecar's workers are where *gateway* says."""
    ca_file = system_ca_file(lambda path: Path(path).exists())
    return to_yaml(bootstrap(gateway, sidecar_addresses=gateway.sidecar.addresses, ca_file=ca_file))
