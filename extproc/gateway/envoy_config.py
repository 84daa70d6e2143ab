"""The rendered Envoy configuration of a gateway on this host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.gateway.environment import ca_file

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway


def envoy_config(gateway: Gateway) -> str:
    """Return Envoy's configuration as YAML, for workers that listen at the addresses of *gateway*."""
    return to_yaml(bootstrap(gateway, sidecar_addresses=gateway.sidecar.addresses, ca_file=_ca_file(gateway)))


def _ca_file(gateway: Gateway) -> str:
    """Return the CA bundle; without TLS to a provider the environment is not consulted."""
    return ca_file(os.environ if any(cluster.tls for cluster in gateway.clusters) else {})
