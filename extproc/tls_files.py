"""The files of mutual TLS between Envoy and the sidecar."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Certificate and key files; any client with a certificate of *ca* is accepted. All are paths, except the last."""

    ca: str
    cert: str  # the sidecar's
    key: str
    client_cert: str  # Envoy's
    client_key: str
    server_name: str  # what the sidecar's certificate is for: a DNS name or an IP address
