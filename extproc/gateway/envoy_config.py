"""Envoy's configuration for a gateway on this host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.gateway.environment import ca_file

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway


def envoy_config(gateway: Gateway) -> str:
    """Return what Envoy must be started with when the sidecar's workers are where *gateway* says."""
    return to_yaml(bootstrap(gateway, sidecar_addresses=gateway.sidecar.addresses, ca_file=_ca_file(gateway)))


def _ca_file(gateway: Gateway) -> str:
    """Return the file with the authorities to trust; where there is no TLS, nobody asks what the environment names."""
    return ca_file(os.environ if any(cluster.tls for cluster in gateway.clusters) else {})
