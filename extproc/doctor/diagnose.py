"""All checks, on one Envoy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from betterproto2 import Casing

from extproc.bootstrap.render import bootstrap
from extproc.doctor.checks import CHECKS
from extproc.doctor.context import CheckContext
from extproc.doctor.finding import Severity
from extproc.doctor.model.envoy import envoy_config
from extproc.doctor.model.node import Node
from extproc.doctor.roles import roles_of

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.envoy import EnvoyConfig


def diagnose(envoy: EnvoyConfig, gateway: Gateway) -> tuple[Finding, ...]:
    """Return all that is wrong with *envoy* when it is to serve *gateway*, the worst first."""
    return compare(envoy, rendered(gateway), gateway)


def compare(envoy: EnvoyConfig, wanted: EnvoyConfig, gateway: Gateway) -> tuple[Finding, ...]:
    """Return all that is wrong with *envoy* where *wanted* is what `render` writes for *gateway*."""
    context = CheckContext(roles_of(envoy), roles_of(wanted), gateway)
    found = [replace(finding, check=name) for name, check in CHECKS.items() for finding in check(context)]
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.severity is not Severity.ERROR))


def rendered(gateway: Gateway) -> EnvoyConfig:
    """Return what `render` writes for *gateway*: what a check expects, and what it advises, is taken from it."""
    message = bootstrap(gateway, sidecar_addresses=gateway.sidecar.addresses)
    return envoy_config(Node(message.to_dict(casing=Casing.SNAKE)))
