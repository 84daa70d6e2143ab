"""Values as Lua writes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PLAIN = re.compile(r"[ !#-\[\]-~]")  # printable ASCII, without the quote and the backslash


def text(value: str) -> str:
    """Return *value*, as UTF-8, between quotes."""
    return f'"{"".join(map(_letter, value.encode("utf-8", "surrogatepass")))}"'


def _letter(byte: int) -> str:
    letter = chr(byte)
    if _PLAIN.fullmatch(letter):
        return letter
    return f"\\{letter}" if letter in '"\\' else f"\\{byte:03d}"


def table(values: Mapping[str, str]) -> str:
    """Return *values* as a table, a line for each."""
    return "".join(("{\n", *(f"  [{text(key)}] = {text(value)},\n" for key, value in values.items()), "}"))


def array(values: Iterable[str]) -> str:
    """Return *values* as a list."""
    return f"{{ {', '.join(map(text, values))} }}"
