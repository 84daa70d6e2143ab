"""The table of checks as a whole."""

from __future__ import annotations

from pathlib import Path

from extproc.bootstrap.doctor.checks import CHECKS

HERE = Path(__file__).parent


def test_every_check_has_a_configuration_with_exactly_its_fault() -> None:
    """A rule without a test is a guess."""
    tests = "".join(file.read_text() for file in HERE.glob("test_*.py"))

    assert [name for name in CHECKS if f'"{name}"' not in tests] == []
