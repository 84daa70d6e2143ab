from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.sidecar.ext_proc import header_map, mutations

from extproc._gen import wire_pb2 as pb
from extproc.transport.codec import fields
from extproc.transport.codec.fields import overwrite, read_fields


def written(value: str) -> bytes:
    """Return how *value* is written by a process that has written nothing before."""
    fields._kept_option.cache_clear()
    mutation = pb.HeaderMutation()
    overwrite(mutation, [("x-name", value)])
    return mutations(mutation)["x-name"]


def test_repeated_fields_are_joined() -> None:
    """A field that comes twice is one list (RFC 9110 section 5.3), in the order of arrival."""
    assert read_fields(header_map([("accept", "a"), ("x", "1"), ("accept", "b")])) == {"accept": "a, b", "x": "1"}


def test_an_empty_value_is_a_value() -> None:
    """A field without a value is present, and counts when it is repeated."""
    assert read_fields(header_map([("a", ""), ("b", ""), ("b", "1")])) == {"a": "", "b": ", 1"}


def test_the_text_field_serves_where_raw_value_is_empty() -> None:
    """Older Envoys send the value as text."""
    assert read_fields(pb.HeaderMap(headers=[pb.HeaderValue(key="a", value="é")])) == {"a": "é"}


@given(st.binary().filter(lambda value: not any(byte < 32 or byte == 127 for byte in value)))
def test_any_value_envoy_can_hold_is_passed_on_as_it_came(value: bytes) -> None:
    """Read and written again, a value has the same bytes, UTF-8 or not."""
    text = read_fields(header_map([("x", value)]))["x"]

    assert written(text) == value


def test_a_tab_is_kept() -> None:
    """The one control character that a field may hold."""
    assert written("a\tb") == b"a\tb"


def test_what_no_field_can_hold_is_percent_encoded() -> None:
    """Envoy sends a 500 for a mutation with a line break; a client's model name must not cause that."""
    assert written("openai/gpt\r\nx: y\x00\x7f") == b"openai/gpt%0D%0Ax: y%00%7F"


def test_text_beyond_latin_1_is_sent_as_utf_8() -> None:
    """A name in any script can be said in a header."""
    assert written("模型") == "模型".encode()


def test_half_a_surrogate_pair_does_no_harm() -> None:
    """JSON can hold one; no encoding of text can."""
    assert written("a\ud800b") == b"a?b"


def test_fields_are_kept_unless_a_client_can_make_them_as_long_as_it_likes() -> None:
    """Keys and paths, which are the same for every attempt, up to 256 characters."""
    kept = []
    for length in (1, 256, 257):
        assert written("x" * length) == b"x" * length
        kept.append(fields._kept_option.cache_info().currsize)

    assert kept == [1, 1, 0]
