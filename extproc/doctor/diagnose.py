"""All checks, on one installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.checks import CHECKS
from extproc.doctor.context import Case
from extproc.doctor.finding import Finding, Severity
from extproc.doctor.roles import roles_of

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway
    from extproc.doctor.model.envoy import Installation


def diagnose(envoy: Installation, gateway: Gateway) -> tuple[Finding, ...]:
    """Return all that is wrong with *envoy* when it is to serve *gateway*, the worst first."""
    case = Case(envoy, roles_of(envoy), gateway)
    found = [Finding(name, flaw) for name, check in CHECKS.items() for flaw in check(case)]
    return tuple(sorted(found, key=lambda finding: finding.flaw.severity is not Severity.ERROR))
