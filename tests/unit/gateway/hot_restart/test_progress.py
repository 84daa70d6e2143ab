from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.gateway.hot_restart import progress
from extproc.gateway.hot_restart.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path


def test_who_asks_while_one_is_under_way_waits_for_the_next() -> None:
    """The one in flight may have read what is to be changed before it was."""
    under_way = Progress().begin()

    assert under_way.begun + 1 > under_way.end().done
    assert under_way.begun + 1 == under_way.end().begin().end().done


def test_a_new_one_forgets_how_the_last_one_went() -> None:
    """Nobody takes its problem for theirs."""
    failed = Progress().begin().end("it would not start", retryable=True)

    assert failed == Progress(1, 1, "it would not start", retryable=True)
    assert failed.begin().end() == Progress(2, 2)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """By another process, at any time."""
    written = Progress(3, 2, "why", retryable=True)

    progress.write(tmp_path, written)

    assert progress.read(tmp_path) == written
    assert progress.read(tmp_path / "nowhere") is None
