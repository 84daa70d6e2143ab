"""The files of mutual TLS between Envoy and the sidecar."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Whoever has a certificate of *ca* is let in. All are paths, but for the last."""

    ca: str
    cert: str  # the sidecar's
    key: str
    client_cert: str  # Envoy's
    client_key: str
    server_name: str  # what the sidecar's certificate is for: a DNS name or an IP address
