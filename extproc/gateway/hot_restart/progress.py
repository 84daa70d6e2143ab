"""The state of a run's hot restarts: `up` writes it to a file in the run directory, `extproc restart` reads it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Progress:
    """How many restarts a run has begun and done, and the result of the last one.

    A caller reads *begun* before its request, and waits until more than that are *done*: that restart began after the
    request.
    """

    begun: int = 0
    done: int = 0
    problem: str = ""  # why the last one failed
    retryable: bool = False  # whether a later request may succeed

    def begin(self) -> Progress:
        """Return the state when another restart begins."""
        return Progress(self.begun + 1, self.done)

    def end(self, problem: str = "", *, retryable: bool = False) -> Progress:
        """Return the state when that restart is done."""
        return Progress(self.begun, self.begun, problem, retryable)


def write(directory: Path, progress: Progress) -> None:
    """Write *progress* atomically."""
    draft = _file(directory).with_suffix(".draft")
    draft.write_text(json.dumps(asdict(progress)))
    draft.replace(_file(directory))


def read(directory: Path) -> Progress | None:
    """Return the state of the run of *directory*, or None if it has none, or has ended."""
    try:
        return Progress(**json.loads(_file(directory).read_text()))
    except (FileNotFoundError, ValueError, TypeError):  # no file, or another version's
        return None


def _file(directory: Path) -> Path:
    return directory / "restarts.json"
