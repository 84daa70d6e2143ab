"""Whatever stands in an operator's file, the doctor says something or nothing: it never fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from support.doctor.patients import GATEWAY, an_operator

from extproc.config.errors import ConfigError
from extproc.doctor.diagnose import diagnose
from extproc.doctor.reading.file import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1s", "SEND", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: object, at: str = "") -> Iterator[str]:
    """Yield every place in *value*."""
    if isinstance(value, dict):
        for key, item in value.items():
            here = f'{at}["{key}"]'
            yield here
            yield from places(item, here)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield f"{at}[{index}]"
            yield from places(item, f"{at}[{index}]")


PLACES = sorted(places(an_operator().tree))


@given(st.dictionaries(st.sampled_from(PLACES), VALUES, min_size=1, max_size=3))
def test_any_value_at_any_place(changes: dict[str, object]) -> None:
    """Longer places first: a shorter one may take them away."""
    operator = an_operator()
    for place in sorted(changes, key=len, reverse=True):
        operator.put(place, changes[place])

    try:
        envoy = read_file(json.dumps(operator.tree))
    except ConfigError:
        return
    diagnose(envoy, GATEWAY)


@given(VALUES)
def test_any_file(value: object) -> None:
    try:
        envoy = read_file(json.dumps(value))
    except ConfigError:
        return
    diagnose(envoy, GATEWAY)
