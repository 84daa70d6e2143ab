"""Whether each provider of CONFIG has its cluster, and how it is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.checks.structure import CLUSTERS
from extproc.doctor.finding import error, warning
from extproc.doctor.model.clusters import Socket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.config.gateway import Cluster as Wanted
    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.clusters import Cluster, Tls


def _declared(case: Case) -> Iterator[tuple[Wanted, Cluster]]:
    for wanted in case.gateway.clusters:
        cluster = case.envoy.cluster(wanted.name)
        if cluster is not None:
            yield wanted, cluster


def _by_tls(case: Case) -> Iterator[tuple[Cluster, Tls]]:
    return ((cluster, cluster.tls) for wanted, cluster in _declared(case) if wanted.tls and cluster.tls is not None)


def missing(case: Case) -> Iterator[Flaw]:
    """Find a provider without a cluster."""
    if case.envoy.more_clusters is not None:
        return
    for wanted in case.gateway.clusters:
        if case.envoy.cluster(wanted.name) is None:
            yield error(
                CLUSTERS,
                f"there is no cluster {wanted.name}, which {wanted.place or 'CONFIG'} needs: every attempt there fails",
                f"Add a cluster {wanted.name} for {wanted.host}, port {wanted.port}, as `extproc render` writes it.",
            )


def endpoint(case: Case) -> Iterator[Flaw]:
    """Find a cluster that leads to another host or port than CONFIG says."""
    for wanted, cluster in _declared(case):
        sockets = [host for host in cluster.hosts if isinstance(host, Socket)]
        if sockets and all((host.address, host.port) != (wanted.host, wanted.port) for host in sockets):
            yield warning(
                f"{cluster.place}.load_assignment",
                f"cluster {cluster.name} does not lead to {wanted.host}, port {wanted.port}, whose key is sent there",
                f"Let its endpoint be {wanted.host}, port {wanted.port}, unless another host stands there on purpose.",
            )


def http2(case: Case) -> Iterator[Flaw]:
    """Find HTTP/1.1 alone to a provider that is reached by TLS, where HTTP/2 can be agreed on."""
    for wanted, cluster in _declared(case):
        if wanted.tls and not cluster.http2:
            yield warning(
                cluster.options,
                f"cluster {cluster.name} only speaks HTTP/1.1: each failed answer with a body costs a connection",
                "Set auto_config with http_protocol_options and http2_protocol_options, not explicit_http_config.",
            )


def tls_missing(case: Case) -> Iterator[Flaw]:
    """Find an https provider that is called in the clear."""
    for wanted, cluster in _declared(case):
        if wanted.tls and cluster.tls is None and not cluster.other_sockets:
            yield error(
                f"{cluster.place}.transport_socket",
                f"cluster {cluster.name} has no TLS, though the provider's URL is https: its key goes in the clear",
                "Add the transport_socket with UpstreamTlsContext that `extproc render` writes.",
            )


def tls_authority(case: Case) -> Iterator[Flaw]:
    """Find a provider whose certificate anyone may have made."""
    for cluster, tls in _by_tls(case):
        if not tls.checks_authority and not tls.elsewhere:
            yield error(
                f"{tls.place}.common_tls_context",
                f"cluster {cluster.name} takes any certificate, whoever made it: anyone in between gets the key",
                "Set validation_context.trusted_ca to the file of the system's authorities.",
            )


def tls_name(case: Case) -> Iterator[Flaw]:
    """Find a provider that may show anybody's certificate."""
    for cluster, tls in _by_tls(case):
        if not tls.checks_name and not tls.elsewhere:
            yield error(
                f"{cluster.options}.upstream_http_protocol_options",
                f"cluster {cluster.name} does not check whose certificate it is shown: any site's will do",
                "Set auto_sni and auto_san_validation to true.",
            )


def tls_sni(case: Case) -> Iterator[Flaw]:
    """Find a TLS handshake that does not say which host is meant."""
    for cluster, tls in _by_tls(case):
        if not tls.names_host:
            yield error(
                f"{cluster.options}.upstream_http_protocol_options",
                f"cluster {cluster.name} does not name the host it wants (SNI): providers refuse that, or show another "
                "host's certificate",
                "Set auto_sni to true.",
            )
