from __future__ import annotations

import re

import pytest

from extproc.bootstrap.browsers import origin_regex


@pytest.mark.parametrize(
    ("origin", "fits", "others"),
    [
        ("*", ["https://a.example", "null"], []),
        (
            "https://*.a.example",
            ["https://b.a.example", "https://c-1.b.a.example"],
            [
                "https://a.example",
                "https://ba.example",
                "https://b.a.example:1",
                "https://b.aXexample",
                "https://..a.example",
            ],
        ),
        (
            "http://localhost:*",
            ["http://localhost", "http://localhost:1"],
            ["http://localhost:", "http://localhost:x", "https://localhost:1", "http://localhost.b"],
        ),
        ("http://[::1]:*", ["http://[::1]:5173"], ["http://::1:5173", "http://1:5173"]),
        ("https://*.a.example:*", ["https://b.a.example:1", "https://b.a.example"], ["https://a.example:1"]),
    ],
)
def test_what_the_star_of_an_origin_stands_for(origin: str, fits: list[str], others: list[str]) -> None:
    """Whole host names below the named one, or a port; never a part of a name."""
    pattern = re.compile(origin_regex(origin))

    assert [one for one in (*fits, *others) if pattern.fullmatch(one)] == fits
