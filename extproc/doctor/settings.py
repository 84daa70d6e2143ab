"""Settings that are to be as `render` writes them: rows, how they are compared, and advice made from what it writes."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import yaml

from extproc.doctor.finding import Finding, Severity
from extproc.doctor.model.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: *path* leads to it from what is compared, and *problem* is what another value does.

    In *problem*, `{value}` stands for the operator's, `{missing}` for what is in a rendered set and not in theirs.
    *read* fills in Envoy's default. *relation* holds between the operator's value and the rendered one.
    """

    path: str
    problem: str
    severity: Severity = Severity.ERROR
    read: Callable[[Node], object] = Node.flag
    relation: Callable[[object, object], bool] = operator.eq


def _missing(value: object, expected: object) -> list[str]:
    """Return which of the names that are *expected* are not in *value*, where both are sets of names."""
    if not _is_names(value) or not _is_names(expected):
        return []
    return sorted(expected - value)


def _is_names(value: object) -> TypeGuard[frozenset[str]]:
    return isinstance(value, frozenset)


def drift(settings: tuple[Setting, ...], found: Node, rendered: Node) -> Iterator[Finding]:
    """Yield what of *settings* is otherwise in *found* than in *rendered*."""
    for setting in settings:
        keys = setting.path.split(".")
        one, wanted = found.at(*keys), rendered.at(*keys)
        value, expected = setting.read(one), setting.read(wanted)
        if not setting.relation(value, expected):
            problem = setting.problem.format(value=value, missing=" and ".join(_missing(value, expected)))
            yield Finding(setting.severity, one.place, problem, advice(setting.path, wanted))


def advice(name: str, wanted: Node) -> str:
    """Return a sentence that says to write *name* as it stands in *wanted*, a node of what `render` writes."""
    return f"Set {name} to {flow(wanted.value)}." if wanted.present else f"Remove {name}."


def flow(value: object) -> str:
    """Return *value* as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.strip().removesuffix("...").strip()


def one_of(*modes: str) -> Callable[[Node], str]:
    """Return how an enum is read: by name or by number, what is neither as the first of *modes*, Envoy's default."""

    def read(node: Node) -> str:
        number = node.count(0)
        if node.text() in modes:
            return node.text()
        return modes[number] if 0 <= number < len(modes) else modes[0]

    return read


def texts(node: Node) -> frozenset[str]:
    """Return the texts of a list, whatever their order."""
    return frozenset(node.texts())


def has_items(node: Node) -> bool:
    """Return whether a list has any items."""
    return any(True for _ in node.items())


def includes(value: object, expected: object) -> bool:
    """Return whether the set *value* has all that is *expected*."""
    return isinstance(value, frozenset) and isinstance(expected, frozenset) and value >= expected
