"""References to environment variables in the file's values.

`$NAME` stands for a whole value; `${NAME}` and `${NAME:=default}` may also stand inside a longer text, and `$$` is a
dollar sign. As in a shell, the default is used when the variable is unset or empty. References are resolved in values
that YAML has already parsed, so whatever a variable holds, it can never become more than one text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from extproc.config.errors import ConfigError, Problem, dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

Raw: TypeAlias = "bool | int | float | str | list[Raw] | dict[str, Raw] | None"
"""A value as YAML gives it."""

_WHOLE = re.compile(r"\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
_PART = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:=[^}]*)?\}|)")
_DEEPEST = 50
_MOST = 100_000


class FromEnvironment(str):
    """A text that came, at least in part, from the environment: it may stand for a number or a truth value."""

    __slots__ = ()


class Expansion:
    """One pass over a document that resolves its references. Mutable: collects the problems it meets."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._seen = 0
        self.problems: list[Problem] = []

    def expand(self, value: object, steps: tuple[str | int, ...] = ()) -> Raw:
        """Return *value* with every reference resolved; what cannot be used becomes None, with a problem noted.

        Raises:
            ConfigError: there is no end of it: anchors and aliases can say more than anyone can read.
        """
        self._seen += 1
        if self._seen > _MOST or len(steps) > _DEEPEST:
            text = "is nested too deeply, or repeats itself through anchors too often"
            raise ConfigError([Problem(dotted(steps[:1]), text)])
        match value:
            case str():
                return self._text(value, steps)
            case None | bool() | int() | float():
                return value
            case list():
                return [self.expand(item, (*steps, index)) for index, item in enumerate(value)]
            case dict():
                return self._map(value, steps)
            case _:  # no tag that the loader knows makes anything else
                self._note(steps, "is of a type that has no meaning here")
                return None

    def _map(self, value: dict[object, object], steps: tuple[str | int, ...]) -> dict[str, Raw]:
        expanded: dict[str, Raw] = {}
        for key, item in value.items():
            if isinstance(key, str):
                expanded[key] = self.expand(item, (*steps, key))
            else:
                self._note(steps, "has a key that is not a text; put it in quotes")
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
                    "holds a $ that is no reference: write ${NAME} or ${NAME:=default} inside a text, "
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
