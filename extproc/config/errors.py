"""Problems of a configuration file, with their places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHOWN = re.compile(r"[A-Za-z0-9_.:/@*+-]{1,64}")
_HIDDEN = "[?]"


@dataclass(frozen=True, slots=True)
class Problem:
    """An error or warning, and its place in the file: `model_providers[0].base_url`.

    Messages never quote the file's values: any of them may be a misplaced key.
    """

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


class ConfigError(Exception):
    """An invalid configuration, with all of its problems."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def dotted(steps: Iterable[str | int]) -> str:
    """Return *steps* as a path: `model_providers[0].base_url`.

    A key that does not look like a name is replaced by `[?]`: `access_key:sk-…` without a space is one long key to
    YAML.
    """
    place = ""
    for step in steps:
        if isinstance(step, int):
            place += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            place += f".{step}" if place else step
        elif _SHOWN.fullmatch(step) and not _looks_like_a_pair(step):
            place += f'["{step}"]'
        else:
            place += _HIDDEN
    return place


def _looks_like_a_pair(step: str) -> bool:
    return re.match(r"[a-z_]+:", step) is not None
