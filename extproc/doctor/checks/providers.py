"""Whether each provider of CONFIG has its cluster, and how it is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.checks.structure import CLUSTERS
from extproc.doctor.finding import error, warning
from extproc.doctor.model.addresses import Socket
from extproc.doctor.settings import advice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.clusters import Cluster
    from extproc.doctor.model.tls import Tls


def _expected(context: CheckContext) -> Iterator[Cluster]:
    """Yield the providers' clusters that `render` writes; one that no request comes to without a worker only if needed.

    That one may have another name: the route that leads there says which.
    """
    needed = {cluster.name for cluster in context.gateway.clusters}
    needed |= {name for manager in context.found.attempts for route in manager.routes for name in route.clusters}
    return (cluster for cluster in context.rendered.providers() if cluster.name in needed)


def _pairs(context: CheckContext) -> Iterator[tuple[Cluster, Cluster]]:
    """Yield the operator's clusters, and as `render` writes them."""
    for wanted in _expected(context):
        cluster = context.found.envoy.cluster(wanted.name)
        if cluster is not None:
            yield cluster, wanted


def _by_tls(context: CheckContext) -> Iterator[tuple[Cluster, Tls, Cluster, Tls]]:
    for cluster, wanted in _pairs(context):
        if cluster.tls is not None and wanted.tls is not None:
            yield cluster, cluster.tls, wanted, wanted.tls


def missing(context: CheckContext) -> Iterator[Finding]:
    """Find a provider without a cluster."""
    if context.found.envoy.more_clusters is not None:
        return
    places = {cluster.name: cluster.place for cluster in context.gateway.clusters}
    for wanted in _expected(context):
        if context.found.envoy.cluster(wanted.name) is None:
            yield error(
                CLUSTERS,
                f"there is no cluster {wanted.name}, which {places.get(wanted.name) or 'CONFIG'} needs: every attempt "
                "there fails",
                f"Add a cluster {wanted.name} for {_hosts(wanted)}, as `extproc render` writes it.",
            )


def endpoint(context: CheckContext) -> Iterator[Finding]:
    """Find a cluster that leads to another host or port than CONFIG says."""
    for cluster, wanted in _pairs(context):
        sockets = [host for host in cluster.hosts if isinstance(host, Socket)]
        if sockets and not any(host in wanted.hosts for host in sockets):
            yield warning(
                f"{cluster.place}.load_assignment",
                f"cluster {cluster.name} does not lead to {_hosts(wanted)}, whose key is sent there",
                f"Let its endpoint be {_hosts(wanted)}, unless another host stands there on purpose.",
            )


def _hosts(cluster: Cluster) -> str:
    return " and ".join(f"{host.address}, port {host.port}" for host in cluster.hosts if isinstance(host, Socket))


def http2(context: CheckContext) -> Iterator[Finding]:
    """Find HTTP/1.1 alone to a provider with which HTTP/2 can be agreed on."""
    for cluster, wanted in _pairs(context):
        if wanted.http2 and not cluster.http2:
            yield warning(
                cluster.options.place,
                f"cluster {cluster.name} only speaks HTTP/1.1: each failed response with a body costs a connection",
                "Write its auto_config as `extproc render` does, and no explicit_http_config.",
            )


def tls_missing(context: CheckContext) -> Iterator[Finding]:
    """Find an https provider that is called in the clear."""
    for cluster, wanted in _pairs(context):
        if wanted.tls is not None and cluster.tls is None and not cluster.other_sockets:
            yield error(
                f"{cluster.place}.transport_socket",
                f"cluster {cluster.name} has no TLS, though the provider's URL is https: its key goes in the clear",
                "Add the transport_socket with UpstreamTlsContext that `extproc render` writes.",
            )


def tls_authority(context: CheckContext) -> Iterator[Finding]:
    """Find a provider whose certificate may have any issuer."""
    for cluster, tls, _, wanted in _by_tls(context):
        if wanted.checks_authority and not tls.checks_authority and not tls.dynamic:
            yield error(
                f"{tls.place}.common_tls_context",
                f"cluster {cluster.name} accepts a certificate of any issuer: anyone in between gets the key",
                "Set validation_context.trusted_ca to the file of the system's authorities.",
            )


def tls_name(context: CheckContext) -> Iterator[Finding]:
    """Find a provider that may show any certificate."""
    for cluster, tls, rendered, wanted in _by_tls(context):
        if wanted.checks_name and not tls.checks_name and not tls.dynamic:
            yield error(
                f"{cluster.options.place}.upstream_http_protocol_options",
                f"cluster {cluster.name} does not check whose certificate it is shown: any site's will do",
                _by_request(rendered),
            )


def tls_sni(context: CheckContext) -> Iterator[Finding]:
    """Find a TLS handshake that does not say which host is meant."""
    for cluster, tls, rendered, wanted in _by_tls(context):
        if wanted.sni and not tls.sni:
            yield error(
                f"{cluster.options.place}.upstream_http_protocol_options",
                f"cluster {cluster.name} does not name the host it wants (SNI): providers refuse that, or show another "
                "host's certificate",
                _by_request(rendered),
            )


def _by_request(rendered: Cluster) -> str:
    return advice("upstream_http_protocol_options", rendered.options.at("upstream_http_protocol_options"))
