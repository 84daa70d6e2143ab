"""What a check is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from extproc.doctor.finding import Flaw

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway
    from extproc.doctor.model.envoy import Installation
    from extproc.doctor.roles import Roles


@dataclass(frozen=True, slots=True)
class Case:
    """An operator's Envoy, who plays which part in it, and the gateway that it is to serve."""

    envoy: Installation
    roles: Roles
    gateway: Gateway


Check: TypeAlias = Callable[[Case], Iterable[Flaw]]
"""One rule. It says nothing about what is missing altogether: that is another check's, and one fault is told once."""
