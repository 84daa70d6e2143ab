"""How a cluster's hosts prove who they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.doctor.model.node import Node

_AUTHORITIES = (
    "trusted_ca",
    "system_root_certs",
    "ca_certificate_provider_instance",
    "custom_validator_config",
    "verify_certificate_hash",
    "verify_certificate_spki",
)
_NAMES = ("match_typed_subject_alt_names", "match_subject_alt_names", "custom_validator_config")
_ACCEPT_UNTRUSTED = ("ACCEPT_UNTRUSTED", 1)
_OWN = (
    "tls_certificates",
    "tls_certificate_sds_secret_configs",
    "tls_certificate_provider_instance",
    "custom_tls_certificate_selector",
)
_DYNAMIC = (
    "validation_context_sds_secret_config",
    "validation_context_certificate_provider_instance",
    "validation_context_certificate_provider",
)


@dataclass(frozen=True, slots=True)
class Tls:
    """What is asked of a cluster's hosts."""

    place: str
    sni: bool
    checks_name: bool
    checks_authority: bool
    shows_certificate: bool  # who we are
    dynamic: bool  # the authorities and names to check come from a secret that is not in sight


def read_tls(node: Node, by_request: Node) -> Tls:
    """Return what the UpstreamTlsContext *node* asks of hosts; *by_request* has what each request's host adds."""
    common = node.at("common_tls_context")
    combined = common.at("combined_validation_context")
    context = combined.at("default_validation_context") if combined.present else common.at("validation_context")
    return Tls(
        place=node.place,
        sni=bool(node.at("sni").text()) or node.at("auto_host_sni").flag() or by_request.at("auto_sni").flag(),
        checks_name=by_request.at("auto_san_validation").flag()
        or node.at("auto_sni_san_validation").flag()
        or any(context.at(key).present for key in _NAMES),
        checks_authority=any(context.at(key).present for key in _AUTHORITIES)
        and context.at("trust_chain_verification").value not in _ACCEPT_UNTRUSTED,
        shows_certificate=any(common.at(key).present for key in _OWN),
        dynamic=combined.present or any(common.at(key).present for key in _DYNAMIC),
    )
