"""Matchers of texts and headers."""

from __future__ import annotations

import pytest

from extproc.doctor.model.matching import HeaderMatch, Kind, TextMatch, exactly


@pytest.mark.parametrize(
    ("kind", "text", "fits"),
    [
        (Kind.EXACT, "x-envoy", False),
        (Kind.EXACT, "x-envoy-a", True),
        (Kind.PREFIX, "x-envoy-", True),
        (Kind.PREFIX, "envoy", False),
        (Kind.SUFFIX, "-a", True),
        (Kind.SUFFIX, "x-", False),
        (Kind.CONTAINS, "envoy", True),
        (Kind.CONTAINS, "extproc", False),
        (Kind.REGEX, "x-.*", True),
        (Kind.REGEX, "x-envoy", False),
        (Kind.REGEX, "(", False),
        (Kind.UNKNOWN, "", False),
    ],
)
def test_a_text_is_compared_as_its_kind_says(kind: Kind, text: str, fits: bool) -> None:  # noqa: FBT001 - what is expected
    """An expression describes the whole; one that cannot be read fits nothing."""
    assert TextMatch(kind, text).fits("x-envoy-a") is fits


def test_case_is_ignored_only_if_configured() -> None:
    assert TextMatch(Kind.PREFIX, "X-Envoy", ignore_case=True).fits("x-envoy-a")
    assert not TextMatch(Kind.PREFIX, "X-Envoy").fits("x-envoy-a")


def test_header_names_have_no_case() -> None:
    assert exactly("X-Envoy-A").fits("x-envoy-a")


def test_an_inverted_matcher_fits_the_others() -> None:
    assert HeaderMatch("a", None).fits("1")
    assert not HeaderMatch("a", None, inverted=True).fits("1")
    assert HeaderMatch("a", exactly("2"), inverted=True).fits("1")
