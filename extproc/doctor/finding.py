"""What is told about an operator's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """A failover is lost, or something goes where it should not."""
    WARNING = "warning"
    """It costs time, connections or calls; or it cannot be judged."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing to mend: where it stands, what it does there, and one sentence on how to mend it."""

    severity: Severity
    place: str
    problem: str
    mend: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A flaw, and the name of the check that has found it."""

    check: str
    flaw: Flaw


def error(place: str, problem: str, mend: str) -> Flaw:
    """Return a flaw that loses a failover or sends something where it should not go."""
    return Flaw(Severity.ERROR, place, problem, mend)


def warning(place: str, problem: str, mend: str) -> Flaw:
    """Return a flaw that costs, or a thing that cannot be judged."""
    return Flaw(Severity.WARNING, place, problem, mend)
