"""Who else can come in: where Envoy and the sidecar meet, and at Envoy's admin endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.addresses import is_loopback
from extproc.doctor.finding import error, warning
from extproc.doctor.model.addresses import Pipe, Socket, host_at
from extproc.doctor.settings import advice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.clusters import Cluster

_WRITTEN_BY_OTHERS = 0o002
_RENDER = "Write its transport_socket as `extproc render` does."


def admin(context: CheckContext) -> Iterator[Finding]:
    """Find an admin endpoint that others can reach: it has no password, and can stop Envoy."""
    node = context.found.envoy.root.at("admin", "address")
    place, host = node.place, host_at(node)
    wanted = context.rendered.envoy.root.at("admin", "address")
    fix = "Let it be a socket that is Envoy's alone, as `extproc render` writes it with envoy.admin: unix:/path."
    if wanted.at("pipe").present:
        fix = advice("admin.address", wanted)
    if isinstance(host, Pipe) and host.mode & _WRITTEN_BY_OTHERS:
        yield error(f"{place}.pipe.mode", "every user of this host can stop Envoy through its admin endpoint", fix)
    if not isinstance(host, Socket):
        return
    if is_loopback(host.address):
        yield warning(place, "any process on this host can stop Envoy and read its configuration here", fix)
    else:
        yield error(place, "who reaches this host can stop Envoy and read its configuration here", fix)


def workers_tls(context: CheckContext) -> Iterator[Finding]:
    """Find that Envoy and the sidecar meet by TCP, and not by mutual TLS."""
    cluster = context.found.workers
    if cluster is None or cluster.other_sockets:
        return
    by_tcp = [host for host in cluster.hosts if isinstance(host, Socket)]
    if not by_tcp:
        return
    if cluster.tls is None:
        if context.gateway.sidecar.tls is not None:
            yield error(
                f"{cluster.place}.transport_socket",
                f"cluster {cluster.name} has no TLS, and the sidecar speaks nothing else: it is never reached",
                _RENDER,
            )
        else:
            yield from _in_the_clear(cluster, beyond=not all(is_loopback(host.address) for host in by_tcp))
        return
    place = f"{cluster.tls.place}.common_tls_context"
    if not cluster.tls.shows_certificate:
        yield error(
            place, f"Envoy shows the workers of cluster {cluster.name} no certificate: they refuse to be asked", _RENDER
        )
    if not cluster.tls.dynamic and not (cluster.tls.checks_authority and cluster.tls.checks_name):
        yield error(
            place,
            f"Envoy does not check whose certificate the workers of cluster {cluster.name} show: anyone in between "
            "reads prompts and decides where they go",
            _RENDER,
        )


def _in_the_clear(cluster: Cluster, *, beyond: bool) -> Iterator[Finding]:
    place = f"{cluster.place}.transport_socket"
    problem = f"cluster {cluster.name} is reached by TCP in the clear: "
    fix = "Let both meet at a Unix socket (sidecar.listen: unix:/path), or set sidecar.tls and render it again."
    if beyond:
        yield error(place, f"{problem}who is in between reads prompts and keys", fix)
    else:
        yield warning(place, f"{problem}any process on this host can be handed the providers' keys there", fix)
