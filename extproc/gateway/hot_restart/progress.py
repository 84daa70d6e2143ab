"""What `up` tells about the restarts of its Envoy, in a file of its run's directory, for `extproc restart` to read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Progress:
    """How many restarts have begun and are done in a run, and how the last one went.

    Who asks takes note of *begun* before, and waits until as many and one more are *done*: that one has begun after it
    was asked for.
    """

    begun: int = 0
    done: int = 0
    problem: str = ""  # why the last one has come to nothing
    for_now: bool = False  # whether asking again later may help

    def begin(self) -> Progress:
        """Return what is to be told when one more begins."""
        return Progress(self.begun + 1, self.done)

    def end(self, problem: str = "", *, for_now: bool = False) -> Progress:
        """Return what is to be told when that one is done."""
        return Progress(self.begun, self.begun, problem, for_now)


def write(directory: Path, progress: Progress) -> None:
    """Let others read *progress*: whole or not at all."""
    draft = _file(directory).with_suffix(".draft")
    draft.write_text(json.dumps(asdict(progress)))
    draft.replace(_file(directory))


def read(directory: Path) -> Progress | None:
    """Return what the run of *directory* has told last, or None: it has not, or it has ended."""
    try:
        return Progress(**json.loads(_file(directory).read_text()))
    except (FileNotFoundError, ValueError, TypeError):  # none, or not written by this version
        return None


def _file(directory: Path) -> Path:
    return directory / "restarts.json"
