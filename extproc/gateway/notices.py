"""Notices: the progress of starting, restarting and stopping a gateway."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice: a sentence for people, and an event with fields for log collectors."""

    event: str
    text: str
    fields: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))
    level: int = logging.INFO  # one of `logging`'s


Report: TypeAlias = Callable[[Notice], None]
"""Called with each notice; the caller decides its output and format."""
