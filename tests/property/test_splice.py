"""Laws of reading and replacing the model in a body, against a tokenizer that takes one character at a time."""

from __future__ import annotations

import json
from typing import TypeAlias
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st
from support.bodies.json_texts import Reference, documents, names, spelled, values

from extproc.exchange.body.model_field import Malformed, ModelSpans, read, splice

Pairs: TypeAlias = "list[tuple[str, object]]"


def loaded(text: str | bytes) -> object:
    """Return what a parser reads; of repeated keys each one, in order."""
    return json.loads(text, object_pairs_hook=lambda pairs: ("object", pairs), parse_int=str, parse_constant=str)


def outermost(document: str | bytes) -> Pairs:
    """Return the members of the outermost object."""
    match loaded(document):
        case ("object", list(pairs)):
            return pairs
        case other:
            raise AssertionError(other)


@given(document=documents)
def test_the_spans_are_those_of_the_reference(document: str) -> None:
    """All values of the outermost key, in whatever spelling, and the last one's string."""
    found = read(document.encode())
    models = [value for key, value in outermost(document) if key == "model"]

    assert isinstance(found, ModelSpans)
    assert [(span.start, span.end) for span in found.spans] == Reference(document).models()
    starts = [document.encode()[span.start] for span in found.spans]
    assert [span.name for span in found.spans] == [
        value if start == ord('"') else None for start, value in zip(starts, models, strict=True)
    ]
    assert found.model == (found.spans[-1].name if found.spans else None)


@given(
    body=st.one_of(
        documents,
        st.lists(
            st.sampled_from(['"model":', '"gpt"', '"a":', "{", "}", "[", "]", ",", "1", '"x\\"model":', '"\\u0067pt"'])
        )
        .map("".join)
        .map(lambda text: f'{{"model":"gpt","a":{text}}}'),
        st.lists(st.dictionaries(st.sampled_from(["model", "a", 'x"model']), st.sampled_from(["gpt", 1, "", {}]))).map(
            lambda tools: json.dumps({"tools": tools, "model": "gpt"})
        ),
    ).map(str.encode)
)
def test_the_fast_way_finds_what_the_careful_one_does(body: bytes) -> None:
    """Where it finds anything."""
    found = read(body)
    with mock.patch("extproc.exchange.body.model_field.plain_model", return_value=None):
        assert read(body) == found


@given(document=documents, name=names)
def test_nothing_but_the_name_changes(document: str, name: str) -> None:
    """Parsed, the body says the new name and all else as before; outside the spans each byte is the same."""
    body = document.encode()
    found = read(body)
    assert isinstance(found, ModelSpans)
    spliced = splice(body, found, name)
    was = outermost(document)
    strings = {index for index, span in enumerate(found.spans) if span.name is not None}
    wanted: Pairs = []
    for key, value in was:
        wanted.append((key, name if key == "model" and sum(k == "model" for k, _ in wanted) in strings else value))

    assert outermost(body if spliced is None else spliced) == wanted
    if spliced is not None:
        again = read(spliced)
        assert isinstance(again, ModelSpans)
        assert between(spliced, again) == between(body, found)
        assert splice(spliced, again, name) is None


def between(body: bytes, found: ModelSpans) -> list[bytes]:
    """Return the bytes around the spans that hold names, and the values of the others."""
    edges = [0, *(edge for span in found.spans if span.name is not None for edge in (span.start, span.end)), len(body)]
    return [body[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]


@given(name=names, spellings=st.lists(st.lists(st.booleans(), max_size=6), max_size=4), other=values)
def test_the_same_name_changes_nothing(name: str, spellings: list[list[bool]], other: str) -> None:
    """A body whose names are all the one to send is not rewritten, however they are spelled."""
    members = [f'"model":{spelled(name, escapes)}' for escapes in spellings]
    body = ("{" + ",".join([*members, f'"x":{other}']) + "}").encode()
    found = read(body)

    assert isinstance(found, ModelSpans)
    assert splice(body, found, name) is None


@given(document=documents, part=st.floats(0, 1, exclude_max=True))
def test_a_body_that_is_cut_off_is_never_read(document: str, part: float) -> None:
    """No beginning of an object is a JSON text."""
    body = document.strip().encode()

    assert isinstance(read(body[: int(len(body) * part)]), Malformed)


@given(document=documents, rest=st.sampled_from(["x", "\x00", "}", "]", ",", "{}", '"', "\ufeff", "\x0b"]))
def test_nothing_may_follow(document: str, rest: str) -> None:
    """What another parser makes of the rest, we cannot know."""
    assert isinstance(read((document + rest).encode()), Malformed)


tokens = st.sampled_from(
    [
        '{"model":',
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"model"',
        '"a"',
        '"',
        r"\"",
        "\\\\",
        "1",
        "-",
        "0",
        ".",
        "e",
        "true",
        "nul",
        "NaN",
        " ",
    ]
)


@given(text=st.lists(tokens, max_size=14).map("".join))
@example('{"a":1,"b"}')
def test_what_is_json_is_decided_as_json_decoders_do(text: str) -> None:
    """The fast way and the decoder accept the same texts; all escapes here are ones that JSON knows."""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        assert isinstance(read(text.encode()), Malformed)
    else:
        assert isinstance(read(text.encode()), ModelSpans)


@given(body=st.binary(max_size=40) | documents.map(str.encode), place=st.integers(0, 200), byte=st.binary(max_size=2))
@example(b"", 0, b"")
@example(b'{"model":', 9, b'"\x80')
def test_no_bytes_raise(body: bytes, place: int, byte: bytes) -> None:
    """Whatever arrives is read, or refused with a reason; and what is read can be spliced."""
    damaged = body[:place] + byte + body[place + 1 :]
    found = read(damaged)

    assert isinstance(found, Malformed) or isinstance(splice(damaged, found, "x"), bytes | None)
