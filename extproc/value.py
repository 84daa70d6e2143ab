"""Value types that are quick to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[Class]) -> type[Class]:
    """Make *cls* a slotted dataclass that is never changed in place.

    The type checker sees to that: to a dataclass that is frozen at run time it takes five times as long to make an
    instance, and a decision makes a dozen of them.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
