"""What a value can do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extproc.value import value


@value
class Pair:
    """Two numbers."""

    left: int
    right: int = 2


def test_values_are_equal_when_their_fields_are() -> None:
    """They can be keys, copied with a change, and told."""
    assert Pair(1) == Pair(1, 2) != Pair(2)
    assert {Pair(1): "one"}[Pair(1, 2)] == "one"
    assert replace(Pair(1), right=3) == Pair(1, 3)
    assert repr(Pair(1)) == "Pair(left=1, right=2)"


def test_values_have_no_other_fields() -> None:
    """A slip of the pen is an error; changing a field is one for the type checker."""
    with pytest.raises(AttributeError):
        object.__setattr__(Pair(1), "middle", 3)
