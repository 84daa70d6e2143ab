from __future__ import annotations

from extproc.transport.failure import describe

SECRET = "sk-secret"


def _fail() -> None:
    raise ValueError(SECRET)


def _translate() -> None:
    try:
        _fail()
    except ValueError as error:
        raise LookupError(SECRET) from error


def _caught() -> LookupError:
    try:
        _translate()
    except LookupError as error:
        return error
    raise AssertionError


def test_a_fault_is_described_by_type_and_place() -> None:
    """Innermost place first: that is where one looks first."""
    reported = describe(_caught())

    places = [place.split(" in ") for place in reported["at"].split(" < ")]
    assert reported["error"] == "LookupError from ValueError"
    assert [function for _, function in places] == ["_translate", "_caught"]
    assert all(file.startswith("test_failure.py:") for file, _ in places)


def test_nothing_is_quoted() -> None:
    """An exception's text may hold a prompt or a key."""
    assert SECRET not in str(describe(_caught()))


def test_a_fault_that_was_never_raised_has_no_place() -> None:
    """There is no traceback to read."""
    assert describe(KeyError("x")) == {"error": "KeyError", "at": ""}
