"""What a check is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from extproc.doctor.finding import Finding

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway
    from extproc.doctor.roles import Roles


@dataclass(frozen=True, slots=True)
class CheckContext:
    """An operator's Envoy, what `render` writes for the gateway that it is to serve, and that gateway."""

    found: Roles
    rendered: Roles
    gateway: Gateway


Check: TypeAlias = Callable[[CheckContext], Iterable[Finding]]
"""One rule. It says nothing about what is missing altogether: that is another check's, and a fault is reported once."""
