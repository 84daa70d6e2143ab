"""Access to parsed JSON or YAML of unknown structure.

`isinstance` alone leaves a type checker without the type of what is inside.
"""

from __future__ import annotations

from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[dict[Any, object]]:
    """Return whether *value* is an object. YAML has keys that are no strings; JSON has not."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[object]]:
    """Return whether *value* is an array."""
    return isinstance(value, list)


def members(value: object) -> dict[Any, object]:
    """Return the members of an object; none when *value* is no object."""
    return value if is_object(value) else {}


def items(value: object) -> list[object]:
    """Return the items of an array; none when *value* is no array."""
    return value if is_array(value) else []
