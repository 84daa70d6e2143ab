"""The description of a fault for the log, without the data that caused it."""

from __future__ import annotations

import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def describe(error: BaseException) -> Mapping[str, str]:
    """Return the type of *error* and of what caused it, and where it was raised, innermost place first.

    Neither messages nor lines of source: an exception likes to quote what it has choked on, and that may be a prompt
    or a key.
    """
    places = [
        f"{PurePath(frame.f_code.co_filename).name}:{line} in {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return {"error": _types(error), "at": " < ".join(reversed(places))}


def _types(error: BaseException) -> str:
    name = type(error).__qualname__
    return name if error.__cause__ is None else f"{name} from {_types(error.__cause__)}"
