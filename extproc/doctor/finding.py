"""One thing that is wrong in an operator's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """A failover is lost, or something goes where it should not."""
    WARNING = "warning"
    """It costs time, connections or calls; or it cannot be checked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong: where, what it does there, and one sentence on how to fix it; *check* is who has found it."""

    severity: Severity
    place: str
    problem: str
    fix: str
    check: str = ""


def error(place: str, problem: str, fix: str) -> Finding:
    """Return a finding that loses a failover or sends something where it should not go."""
    return Finding(Severity.ERROR, place, problem, fix)


def warning(place: str, problem: str, fix: str) -> Finding:
    """Return a finding that costs, or about something that cannot be checked."""
    return Finding(Severity.WARNING, place, problem, fix)
