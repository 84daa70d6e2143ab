"""Envoy's whole configuration, as a message and as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from betterproto2 import Casing
from envoy_data_plane.envoy.config.bootstrap.v3 import Admin, Bootstrap, BootstrapStaticResources
from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.extensions.bootstrap.internal_listener.v3 import InternalListener

from extproc import names
from extproc.bootstrap.attempt import attempt_listener
from extproc.bootstrap.ca_bundle import CA_FILES
from extproc.bootstrap.clusters import attempt_cluster, extproc_cluster
from extproc.bootstrap.degraded.envoy import upstream_filters
from extproc.bootstrap.degraded.plan import degraded_of
from extproc.bootstrap.dns import dns_resolver
from extproc.bootstrap.edge import connection_limit, edge_listener
from extproc.bootstrap.lua_filters import carry_state
from extproc.bootstrap.proto import extension, listening_address
from extproc.bootstrap.providers import provider_cluster
from extproc.bootstrap.timeouts import NO_WORKER_RETRIES
from extproc.exchange.forwarded import named_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envoy_data_plane.envoy.config.cluster.v3 import Cluster

    from extproc.addresses import Address
    from extproc.bootstrap.degraded.plan import Degraded
    from extproc.config.gateway import Gateway
    from extproc.policy.catalog import Catalog

NODE = Node(id="extproc", cluster="extproc")
"""Envoy requires a node id to read secrets, also from files."""


def bootstrap(gateway: Gateway, *, sidecar_addresses: Sequence[Address], ca_file: str = CA_FILES[0]) -> Bootstrap:
    """Return the configuration of an Envoy that serves *gateway*.

    *sidecar_addresses* are the workers'; *ca_file* is the CA bundle for TLS to
    providers. It contains no secrets: only the sidecar has keys.
    """
    body_limit, degraded = gateway.sidecar.max_body_bytes, degraded_of(gateway)
    most_calls = most_attempts(gateway.catalog)
    return Bootstrap(
        node=None if degraded is None else NODE,
        admin=None if gateway.envoy_admin is None else Admin(address=listening_address(gateway.envoy_admin)),
        bootstrap_extensions=[extension("envoy.bootstrap.internal_listener", InternalListener())],
        typed_dns_resolver_config=dns_resolver(),
        overload_manager=connection_limit(),
        static_resources=BootstrapStaticResources(
            listeners=[
                edge_listener(
                    gateway.listener,
                    silence=gateway.longest_silence,
                    body_limit=body_limit,
                    retries=most_calls + NO_WORKER_RETRIES,
                    log_format=gateway.sidecar.log_format,
                ),
                attempt_listener(
                    longest_hold=gateway.longest_hold,
                    timeout=gateway.listener.timeout,
                    body_limit=body_limit,
                    read=named_by(gateway.catalog.policies.values()),
                    clusters=gateway.clusters,
                    degraded=degraded,
                    log_format=gateway.sidecar.log_format,
                ),
            ],
            clusters=[
                attempt_cluster(
                    gateway.envoy.retry_budget, carry_state(most_calls=most_calls, fail_open=degraded is not None)
                ),
                extproc_cluster(sidecar_addresses, gateway.sidecar.tls),
                *(provider_cluster(cluster, ca_file=ca_file) for cluster in gateway.clusters),
                *_degraded_clusters(degraded, ca_file),
            ],
        ),
    )


def to_yaml(message: Bootstrap) -> str:
    """Return *message* as YAML, always in the same order."""
    return yaml.dump(
        message.to_dict(casing=Casing.SNAKE),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        width=120,
        allow_unicode=True,
    )


def _degraded_clusters(degraded: Degraded | None, ca_file: str) -> list[Cluster]:
    """Return the cluster of the fail-open mode, if it is enabled."""
    if degraded is None:
        return []
    filters = upstream_filters(degraded)
    return [provider_cluster(degraded.cluster, ca_file=ca_file, name=names.DEGRADED_CLUSTER, filters=filters)]


def most_attempts(catalog: Catalog) -> int:
    """Return the most attempts of any policy."""
    return max((policy.max_total_attempts for policy in catalog.policies.values()), default=1)


class _Dumper(yaml.SafeDumper):
    """Writes indented lists, multi-line strings as blocks, and quotes strings that Envoy would read as booleans."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 -- the library's signature
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if text in {"y", "Y", "n", "N"} else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _text)
