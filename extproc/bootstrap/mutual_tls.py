"""Mutual TLS between Envoy and the sidecar, over TCP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.core.v3 import DataSource, TransportSocket
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
    TlsCertificate,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.google.protobuf import Any as Packed

from extproc.bootstrap.dns import is_address

if TYPE_CHECKING:
    from extproc.tls_files import TlsFiles


def mutual_tls(files: TlsFiles) -> TransportSocket:
    """Return Envoy's transport socket: with its own certificate, and verification of the sidecar's for its name."""
    by_address = is_address(files.server_name)
    name = SubjectAltNameMatcher(
        san_type=SubjectAltNameMatcherSanType.IP_ADDRESS if by_address else SubjectAltNameMatcherSanType.DNS,
        matcher=StringMatcher(exact=files.server_name),
    )
    common = CommonTlsContext(
        tls_certificates=[
            TlsCertificate(
                certificate_chain=DataSource(filename=files.client_cert),
                private_key=DataSource(filename=files.client_key),
            )
        ],
        validation_context=CertificateValidationContext(
            trusted_ca=DataSource(filename=files.ca), match_typed_subject_alt_names=[name]
        ),
        alpn_protocols=["h2"],  # gRPC servers require it
    )
    context = UpstreamTlsContext(common_tls_context=common, sni="" if by_address else files.server_name)
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=Packed.pack(context))
