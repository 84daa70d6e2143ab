from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from extproc.observe import line_writer
from extproc.observe.line_writer import LineWriter

if TYPE_CHECKING:
    import pytest

DEADLINE = 30.0


class Reader:
    """A stream that is read only when *free* is set; *writes* are what it was given at a time."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.writes: list[str] = []
        self.flushed = threading.Event()

    def write(self, text: str) -> None:
        """Wait for the reader."""
        assert self.free.wait(DEADLINE)
        self.writes.append(text)

    def flush(self) -> None:
        """Record that something has reached the reader."""
        self.flushed.set()


def dropped(count: int) -> str:
    """Return the line about so many lines."""
    return f"dropped {count}\n"


def test_lines_are_written_in_batches_without_being_asked_for() -> None:
    """Without a flush or a close: what gathers while one batch is written makes the next."""
    reader = Reader()
    writer = LineWriter(reader, dropped)

    writer.write("first\n")
    reader.free.set()
    assert reader.flushed.wait(DEADLINE)
    reader.flushed.clear()
    for number in range(1000):
        writer.write(f"{number}\n")
    while "999\n" not in "".join(reader.writes):
        assert reader.flushed.wait(DEADLINE)
        reader.flushed.clear()

    assert "".join(reader.writes) == "first\n" + "".join(f"{number}\n" for number in range(1000))
    assert len(reader.writes) < 100
    writer.close()


def test_a_reader_that_does_not_read_delays_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines beyond the bound are dropped, and how many is said when there is a reader again."""
    monkeypatch.setattr(line_writer, "MOST_WAITING", 10)
    reader = Reader()
    writer = LineWriter(reader, dropped)

    for number in range(1_000):
        writer.write(f"{number}\n")
    reader.free.set()
    writer.close()

    lines = "".join(reader.writes).split("\n")[:-1]
    kept = [line for line in lines if not line.startswith("dropped")]
    lost = sum(int(line.split()[1]) for line in lines if line.startswith("dropped"))
    assert len(kept) + lost == 1_000
    assert lost > 900
    assert kept == sorted(kept, key=int)


def test_what_comes_after_the_end_is_written_at_once() -> None:
    """Such as why the process ends."""
    reader = Reader()
    reader.free.set()
    writer = LineWriter(reader, dropped)
    writer.write("before\n")

    writer.close()
    writer.close()
    writer.write("after\n")

    assert "".join(reader.writes) == "before\nafter\n"


def test_a_reader_that_has_gone_does_not_end_the_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipe may be broken: the process goes on, and so do its lines when it is not any more."""
    reader = Reader()
    reader.free.set()
    broken = threading.Event()

    def fail(_text: str) -> None:
        broken.set()
        raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(reader, "write", fail)
        writer = LineWriter(reader, dropped)
        writer.write("lost\n")
        assert broken.wait(DEADLINE)
    writer.write("later\n")
    writer.close()

    assert reader.writes[-1].endswith("later\n")
