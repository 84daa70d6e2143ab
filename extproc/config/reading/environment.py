"""References to environment variables in the file's values.

`$NAME` is a whole value; `${NAME}` and `${NAME:=default}` may also be part of a longer string, and `$$` is a dollar
sign. As in a shell, the default is used if the variable is unset or empty. References are expanded after YAML has been
parsed, so that a variable's value is always one string and never YAML syntax.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from extproc.config.errors import ConfigError, Problem, dotted
from extproc.json_values import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

Raw: TypeAlias = "bool | int | float | str | list[Raw] | dict[str, Raw] | None"
"""A value as parsed from YAML."""

_WHOLE = re.compile(r"\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
_PART = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:=[^}]*)?\}|)")
_DEEPEST = 50
_MOST = 100_000


class FromEnvironment(str):
    """A string that came, at least in part, from the environment: it may be a number or boolean."""

    __slots__ = ()


class Expansion:
    """One pass over a document that expands its references. Mutable: collects problems."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._seen = 0
        self.problems: list[Problem] = []

    def expand(self, value: object, steps: tuple[str | int, ...] = ()) -> Raw:
        """Return *value* with all references expanded; an invalid part becomes None, with a problem.

        Raises:
            ConfigError: it is too large or too deep: anchors and aliases can expand exponentially ("billion laughs").
        """
        self._seen += 1
        if self._seen > _MOST or len(steps) > _DEEPEST:
            text = "is nested too deeply, or expands anchors too often"
            raise ConfigError([Problem(dotted(steps[:1]), text)])
        if isinstance(value, str):
            return self._text(value, steps)
        if value is None or isinstance(value, bool | int | float):
            return value
        if is_array(value):
            return [self.expand(item, (*steps, index)) for index, item in enumerate(value)]
        if is_object(value):
            return self._map(value, steps)
        self._note(steps, "has an unsupported type")  # unreachable: the loader's tags construct no other type
        return None

    def _map(self, value: dict[object, object], steps: tuple[str | int, ...]) -> dict[str, Raw]:
        expanded: dict[str, Raw] = {}
        for key, item in value.items():
            if isinstance(key, str):
                expanded[key] = self.expand(item, (*steps, key))
            else:
                self._note(steps, "has a key that is not a string; quote it")
        return expanded

    def _text(self, text: str, steps: tuple[str | int, ...]) -> str | None:
        if "$" not in text:
            return text
        if whole := _WHOLE.fullmatch(text):
            found = self._variable(whole["name"], None, steps)
            return None if found is None else FromEnvironment(found)
        pieces: list[str] = []
        end = 0
        for part in _PART.finditer(text):
            pieces.append(text[end : part.start()])
            end = part.end()
            if part["dollar"]:
                pieces.append("$")
                continue
            if not part["name"]:
                self._note(
                    steps,
                    "contains a $ that is not a reference: write ${NAME} or ${NAME:=default} inside a string, "
                    "$NAME as a whole value, $$ for a dollar sign",
                )
                return None
            found = self._variable(part["name"], part["default"], steps)
            if found is None:
                return None
            pieces.append(found)
        pieces.append(text[end:])
        return FromEnvironment("".join(pieces))

    def _variable(self, name: str, default: str | None, steps: tuple[str | int, ...]) -> str | None:
        found = self._environ.get(name)
        if default is not None:
            return found or default.removeprefix(":=")
        if found is None:
            self._note(steps, f"the environment variable {name} is not set")
        return found

    def _note(self, steps: tuple[str | int, ...], text: str) -> None:
        self.problems.append(Problem(dotted(steps), text))
