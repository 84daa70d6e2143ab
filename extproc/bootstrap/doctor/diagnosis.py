"""All checks, on one installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.bootstrap.doctor.case import Case
from extproc.bootstrap.doctor.checks import CHECKS
from extproc.bootstrap.doctor.finding import Finding, Severity
from extproc.bootstrap.doctor.roles import roles_of

if TYPE_CHECKING:
    from extproc.bootstrap.doctor.model.installation import Installation
    from extproc.config.gateway import Gateway


def diagnose(envoy: Installation, gateway: Gateway) -> tuple[Finding, ...]:
    """Return all that is wrong with *envoy* when it is to serve *gateway*, the worst first."""
    case = Case(envoy, roles_of(envoy), gateway)
    found = [Finding(name, flaw) for name, check in CHECKS.items() for flaw in check(case)]
    return tuple(sorted(found, key=lambda finding: finding.flaw.severity is not Severity.ERROR))
