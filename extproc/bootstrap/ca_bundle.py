"""Paths of the system's CA bundle. Envoy has no default one: its configuration needs a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)


def system_ca_file(exists: Callable[[str], bool]) -> str:
    """Return the first of `CA_FILES` that *exists*; the first of all if none does: Envoy's error then has a path."""
    return next(filter(exists, CA_FILES), CA_FILES[0])
