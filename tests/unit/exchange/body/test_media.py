"""What headers say a body is."""

from __future__ import annotations

import pytest

from extproc.exchange.body.media import content_codings, is_json, media_type, names_other_characters, parameters


@pytest.mark.parametrize(
    "value",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        " application/json ;charset=utf-8",
        "application/vnd.api+json",
        "application/json, application/json",
    ],
)
def test_json_is_recognised_by_its_content_type(value: str) -> None:
    """Any spelling of it, and the types that are built on it."""
    assert is_json(media_type({"content-type": value}))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "multipart/form-data; boundary=application/json",
        "application/jsonl",
        "application/json-seq",
        "application/+json",
        "text/plain",
    ],
)
def test_all_else_is_not_json(value: str) -> None:
    assert not is_json(media_type({"content-type": value}))


@pytest.mark.parametrize(
    ("value", "codings"),
    [
        ("", ()),
        ("Identity", ()),
        ("identity, ", ()),
        (" GZIP ", ("gzip",)),
        ("gzip, zstd", ("gzip", "zstd")),
        ("gzip;q=1", ("gzip;q=1",)),  # no coding has parameters: what it is, is not known
    ],
)
def test_the_codings_of_a_body(value: str, codings: tuple[str, ...]) -> None:
    assert content_codings({"content-encoding": value}) == codings


def test_without_headers_nothing_is_known() -> None:
    assert (media_type({}), content_codings({}), names_other_characters({})) == ("", (), False)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("text/plain", {}),
        ("text/plain;", {}),
        ("a/b; Charset=UTF-8 ; x=1", {"charset": "UTF-8", "x": "1"}),
        ('a/b;x="1;y=2";z=3', {"x": "1;y=2", "z": "3"}),
        (r'a/b; x="say \"hi\" \\"', {"x": 'say "hi" \\'}),
        ('a/b; x=""; y', {"x": ""}),
        ("a/b; x=1; X=2", {"x": "1"}),
        ('a/b; x="open', {"x": '"open'}),
        ("a/b ; x = 1", {"x": "1"}),
    ],
)
def test_parameters(value: str, found: dict[str, str]) -> None:
    """Quoted or not, in any case of the name; a semicolon between quotes separates nothing."""
    assert parameters(value) == found


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("application/json", False),
        ("application/json; charset=utf-8", False),
        ('application/json; charset="UTF8"', False),
        ("application/json; charset=us-ascii", False),
        ("application/json; charset=utf-16", True),
        ("application/json; charset=ISO-8859-1", True),
    ],
)
def test_characters_other_than_utf_8(value: str, *, other: bool) -> None:
    assert names_other_characters({"content-type": value}) is other
