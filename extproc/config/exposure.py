"""Access control of the gateway's own listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.addresses import TcpAddress, UnixAddress, is_loopback
from extproc.config.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.config.gateway import EnvoySettings, SidecarSettings

NO_ACCESS_CONTROL = (
    "a TCP address needs sidecar.tls, or on a loopback address sidecar.insecure: true, because every client of the "
    "sidecar receives the providers' keys; a Unix socket (unix:/path) needs neither"
)
INSECURE_BEYOND_LOOPBACK = (
    "sidecar.insecure is for 127.0.0.1, ::1 and localhost only, because every client of the sidecar receives the "
    "providers' keys; set sidecar.tls, or listen on a Unix socket (unix:/path)"
)
NO_SERVER_NAME = (
    "is required, because sidecar.listen is a wildcard address, for which there is no certificate; better, set "
    "sidecar.listen to the address that Envoy connects to, and use `serve --listen` for the wildcard address"
)
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})
INSECURE_AND_TLS = "contradicts sidecar.tls: use one of the two"


def access_problem(settings: SidecarSettings) -> str | None:
    """Return why the sidecar must not listen with *settings*; None if access to it is controlled."""
    if isinstance(settings.listen, UnixAddress) or settings.tls is not None:
        return None
    if not settings.insecure:
        return NO_ACCESS_CONTROL
    return None if is_loopback(settings.listen.host) else INSECURE_BEYOND_LOOPBACK


def access_errors(settings: SidecarSettings) -> Iterator[Problem]:
    """Yield an error for each reason why a sidecar must not start with *settings*."""
    reason = access_problem(settings)
    if reason is not None:
        yield Problem("sidecar.listen", reason)
    if (
        settings.tls is not None
        and settings.tls.server_name in _EVERY_ADDRESS
        and not isinstance(settings.listen, UnixAddress)
    ):
        yield Problem("sidecar.tls.server_name", NO_SERVER_NAME)
    if settings.insecure and settings.tls is not None:
        yield Problem("sidecar.insecure", INSECURE_AND_TLS)


def access_warnings(sidecar: SidecarSettings, envoy: EnvoySettings) -> Iterator[Problem]:
    """Yield a warning for each listener that others than Envoy and the operator can connect to."""
    if sidecar.insecure and not isinstance(sidecar.listen, UnixAddress):
        yield Problem(
            "sidecar.insecure", "any process on this host that connects to the sidecar receives the providers' keys"
        )
    if sidecar.tls is not None and isinstance(sidecar.listen, UnixAddress):
        yield Problem("sidecar.tls", "is not used: sidecar.listen is a Unix socket, which only its owner can access")
    if isinstance(envoy.admin, TcpAddress):
        who = "any process on this host" if is_loopback(envoy.admin.host) else "any host that can connect"
        yield Problem(
            "envoy.admin",
            f"{who} can stop Envoy there and read its configuration; only the owner of a Unix socket (unix:/path) can",
        )
