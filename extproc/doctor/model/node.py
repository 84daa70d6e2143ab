"""A value in a tree of unknown shape, that knows its place."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from extproc.config.errors import dotted
from extproc.json_values import items, members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.policy.units import Millis

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)s")
_COUNT = re.compile(r"\d{1,18}")
_LARGEST = 10**18


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a configuration, and the steps that lead to it.

    Keys are asked for as Envoy's documentation writes them; in the file they may also be in camel case, which
    protobuf's JSON allows. Something that is not there has a place too: where it would be.
    """

    value: object
    steps: tuple[str | int, ...] = ()

    @property
    def place(self) -> str:
        """The path to it."""
        return dotted(self.steps)

    @property
    def present(self) -> bool:
        """Whether it is there; to protobuf null is the same as absent."""
        return self.value is not None

    def at(self, *keys: str) -> Node:
        """Return what *keys* lead to, one after the other."""
        node = self
        for key in keys:
            table = members(node.value)
            spelled = next((form for form in (key, _camel(key)) if form in table), key)
            node = Node(table.get(spelled), (*node.steps, spelled))
        return node

    def otherwise(self, other: Node) -> Node:
        """Return this node, or *other* when it is not there."""
        return self if self.present else other

    def items(self) -> Iterator[Node]:
        """Yield the items of a list."""
        for index, item in enumerate(items(self.value)):
            yield Node(item, (*self.steps, index))

    def members(self) -> Iterator[tuple[str, Node]]:
        """Yield the members of a map, whose keys are the operator's own names."""
        for key, item in members(self.value).items():
            if isinstance(key, str):
                yield key, Node(item, (*self.steps, key))

    def text(self) -> str:
        """Return a text; empty when it is none."""
        return self.value if isinstance(self.value, str) else ""

    def texts(self) -> tuple[str, ...]:
        """Return the texts of a list."""
        return tuple(item.text() for item in self.items())

    def flag(self) -> bool:
        """Return a boolean; false is the default of all that are asked for."""
        return self.value is True or self.value == "true"

    def count(self, default: int) -> int:
        """Return an integer: in protobuf's JSON large ones are strings."""
        if isinstance(self.value, str) and _COUNT.fullmatch(self.value):
            return int(self.value)
        return int(self.real(default))

    def real(self, default: float) -> float:
        """Return a number."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST < value < _LARGEST:
            return default
        return value

    def millis(self, default: Millis) -> Millis:
        """Return a duration (`1.5s`), rounded up: what is not zero must not look like it."""
        match = _DURATION.fullmatch(self.text())
        return default if match is None else math.ceil(Decimal(match[1]) * 1000)


def _camel(key: str) -> str:
    head, *tail = key.split("_")
    return head + "".join(word.capitalize() for word in tail)
