"""What starting, restarting and stopping a gateway reports, one notice at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Notice:
    """One step of a gateway's life: a sentence for people, and an event with fields for log collectors."""

    event: str
    text: str
    fields: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))
    level: int = logging.INFO  # one of `logging`'s


Report: TypeAlias = Callable[[Notice], None]
"""Takes each notice as it happens; whoever calls decides where it goes, and in which form."""
