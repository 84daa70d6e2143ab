"""What the body of a request says, whatever it is wrapped in."""

from __future__ import annotations

import pytest
from support.bodies.compressors import gzipped

from extproc.exchange.body.content import Content, read_content, rewritten
from extproc.exchange.body.encoding import Undecodable
from extproc.exchange.body.model_field import Malformed, ModelSpans, Span

BODY = b'{"model": "a"}'
FOUND = ModelSpans("a", (Span(10, 13, "a"),))


def content_of(body: bytes, kind: str | None = "application/json", coding: str = "") -> Content | Undecodable:
    """Return what is read of *body*."""
    headers = {"content-encoding": coding} | ({} if kind is None else {"content-type": kind})
    return read_content(headers, body, limit=1000)


UNTHOUGHT = [
    None,
    "text/plain",
    "text/json",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "json",
    "*/*",
]
"""What clients say of JSON that have not thought of a content type."""


@pytest.mark.parametrize("kind", ["application/json", "application/x+json", *UNTHOUGHT])
def test_the_model_is_read_in_json_of_any_name(kind: str | None) -> None:
    """Some clients do not say what they send."""
    assert content_of(BODY, kind) == Content(model=FOUND)


@pytest.mark.parametrize("kind", UNTHOUGHT)
@pytest.mark.parametrize("before", [b"\r\n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_blanks_before_it_hide_nothing(kind: str | None, before: bytes) -> None:
    found = content_of(before + BODY, kind)

    assert isinstance(found, Content)
    assert found.model is not None
    assert found.model.model == "a"


@pytest.mark.parametrize("kind", ["application/json", None, "text/plain", "application/octet-stream"])
def test_the_model_is_read_in_compressed_json(kind: str | None) -> None:
    assert content_of(gzipped(BODY), kind, "gzip") == Content(BODY, FOUND)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-16", "application/json; charset=latin-1"])
def test_characters_that_json_cannot_have_mean_nothing(kind: str) -> None:
    """RFC 8259: the parameter has no effect. What is UTF-8 is read."""
    assert content_of(BODY, kind) == Content(model=FOUND)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (BODY.decode().encode("utf-16"), "application/json"),
        (BODY.decode().encode("utf-16-be"), "application/json; charset=utf-8"),
        (BODY.decode().encode("utf-32-le"), "application/json"),
        ("  ".encode("utf-16-le") + BODY.decode().encode("utf-16-le"), "application/json"),
        (b'{"model": "a", "x": "\xe9"}', "application/json; charset=iso-8859-1"),
        (b'{"model": "a", "x": "\xe9"}', "application/json"),
        (b'{"x": "\xe9", "model": "a"}', "application/json; charset=utf-8"),
        (b"\xff\xfe", "application/json"),
        (BODY.decode().encode("utf-16"), "text/plain"),
        (BODY.decode().encode("utf-32-be"), "application/octet-stream"),
        (b'{"model": "a", "x": "\xe9"}', "text/plain; charset=iso-8859-1"),
        (b'{"model": "a", "x": "\xe9"}', "application/x-www-form-urlencoded"),
    ],
)
def test_json_in_other_characters_is_refused(body: bytes, kind: str) -> None:
    """It does name a model, and to guess which is not our part."""
    assert content_of(body, kind) == Undecodable("it is not UTF-8, which JSON has to be")


@pytest.mark.parametrize("body", [b"\x00" * 100, b"\x00a", b"{"])
def test_what_is_utf_8_and_no_json_has_a_problem(body: bytes) -> None:
    found = content_of(body)

    assert isinstance(found, Content)
    assert found.malformed


@pytest.mark.parametrize("coding", ["br", "gzip, br"])
@pytest.mark.parametrize("kind", ["application/json", *UNTHOUGHT])
def test_what_may_be_json_and_cannot_be_decoded_is_refused(kind: str | None, coding: str) -> None:
    assert isinstance(content_of(BODY, kind, coding), Undecodable)


@pytest.mark.parametrize("coding", ["", "br", "gzip"])
def test_what_holds_no_json_is_not_even_decoded(coding: str) -> None:
    assert content_of(BODY, "audio/wav", coding) == Content()


@pytest.mark.parametrize("body", [b"say {}", b"{ but no json", b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n", b"\x00\x01{\xff"])
@pytest.mark.parametrize("kind", ["text/plain", "application/sdp", "application/octet-stream"])
def test_a_text_that_is_no_json_goes_as_it_came(body: bytes, kind: str) -> None:
    assert content_of(body, kind) == Content()
    assert content_of(gzipped(body), kind, "gzip") == Content()


KIND = "multipart/form-data; boundary=b"
FORM = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n--b--'
BARE = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--b--'


def test_the_model_is_read_in_a_form() -> None:
    """Compressed or not."""
    found = ModelSpans("a", (Span(53, 54, "a"),), b"b")

    assert content_of(FORM, KIND) == Content(model=found)
    assert content_of(gzipped(FORM), KIND, "gzip") == Content(FORM, found)
    assert isinstance(content_of(FORM, KIND, "br"), Undecodable)


def test_a_form_that_cannot_be_read_has_a_problem() -> None:
    assert content_of(FORM[:-2], KIND) == Content(malformed=Malformed("it does not end", "multipart/form-data"))
    assert content_of(FORM, "multipart/mixed; boundary=b") == Content()


@pytest.mark.parametrize(
    ("text", "kind"), [(FORM, KIND), (BARE, KIND), (BODY, None), (b"{}", None), (b"[]", "application/json")]
)
@pytest.mark.parametrize("add", [True, False])
def test_a_model_is_rewritten_or_added_where_the_path_names_it(text: bytes, kind: str | None, *, add: bool) -> None:
    content = content_of(text, kind)
    assert isinstance(content, Content)
    assert content.model is not None

    changed = rewritten(text, content.model, "zz", add=add)

    if content.model.spans:
        assert changed == text.replace(b"\r\na\r\n", b"\r\nzz\r\n").replace(b'"a"', b'"zz"')
    elif not add or text == b"[]":
        assert changed is None
    else:
        again = content_of(changed or b"", kind)
        assert isinstance(again, Content)
        assert again.model is not None
        assert again.model.model == "zz"


def test_nothing_needs_no_decoding() -> None:
    """Some clients announce how they would have encoded a body."""
    assert content_of(b"", None, "gzip") == Content()
