from __future__ import annotations

import gc
import json
import sys
from time import perf_counter

import pytest

from extproc.exchange.body.json_scanner import MOST_MEMBERS
from extproc.exchange.body.model_field import Malformed, ModelSpans, Span, insert, read, splice

TRAILING_COMMA = (
    "expecting value at byte 9"
    if sys.version_info < (3, 13)
    else "illegal trailing comma before end of array at byte 8"
)
"""What Python's own decoder says of it."""


def found_in(body: bytes) -> ModelSpans:
    """Return what is read from a body that can be read."""
    found = read(body)
    assert isinstance(found, ModelSpans)
    return found


def spliced(body: bytes, model: str) -> bytes | None:
    """Return *body* with *model* in it."""
    return splice(body, found_in(body), model)


def problem_of(body: bytes) -> str:
    """Return what is wrong with a body that cannot be read."""
    found = read(body)
    assert isinstance(found, Malformed)
    return found.problem


def test_the_model_is_found_where_it_stands() -> None:
    """The span is the value with its quotes, counted in bytes."""
    assert read('{"ü": 1, "model" : "gpt-4o"}'.encode()) == ModelSpans("gpt-4o", (Span(20, 28, "gpt-4o"),))


@pytest.mark.parametrize(
    "body",
    [b"{}", b' { "messages" : [ ] } ', b"[]", b'["model", "a"]', b'"model"', b"null", b"12", b" true\n", b"NaN"],
)
def test_a_body_may_name_no_model(body: bytes) -> None:
    """JSON that is no object, or an object without the key, is read and names none."""
    assert read(body) == ModelSpans(None)


@pytest.mark.parametrize("value", [b"null", b"7", b"true", b'{"model": "a"}', b'["a"]', b"-1.5e3"])
def test_a_model_that_is_no_string_is_no_model(value: bytes) -> None:
    """It has a place, but no name, and is never replaced."""
    body = b'{"model":' + value + b"}"

    assert read(body) == ModelSpans(None, (Span(9, 9 + len(value), None),))
    assert spliced(body, "b") is None


@pytest.mark.parametrize(
    "key",
    [rb'"\u006dodel"', rb'"mod\u0065l"', rb'"\u006D\u006F\u0064\u0065\u006C"'],
)
def test_a_key_may_be_spelled_with_escapes(key: bytes) -> None:
    """For a provider's parser it is the same key."""
    assert spliced(b"{" + key + b': "a"}', "b") == b"{" + key + b': "b"}'


@pytest.mark.parametrize(
    "body",
    [
        rb'{"messages": [{"model": "a"}]}',
        rb'{"tool": {"parameters": {"model": "a"}}}',
        rb'{"text": "\"model\": \"a\""}',
        rb'{"text\"model": "a"}',
        rb'{"x\\\"model": "a", "y": "\\\\\"model\""}',
        rb'{"Model": "a", "model ": "a", "\u006dode": "a", "": "a"}',
        rb'["model", {"model": "a"}]',
        b'{"a": [[[[[[[[[{"model": "a"}]]]]]]]]], "b": {"c": {"d": {"e": {"f": {"g": {"h": {"model": "a"}}}}}}}}',
    ],
)
def test_other_models_are_not_ours(body: bytes) -> None:
    """Deeper keys, other keys and the text "model" inside strings are left alone."""
    assert read(body) == ModelSpans(None)


def test_of_repeated_keys_the_last_counts() -> None:
    """So do JSON parsers read it."""
    assert found_in(b'{"model": "a", "model": "b"}').model == "b"
    assert found_in(b'{"model": "a", "model": null}').model is None


def test_every_string_among_repeated_keys_is_replaced() -> None:
    """Whichever of them a provider takes, none names another model; what is no string stays."""
    assert spliced(b'{"model":"a","model":1,"m":0,"model":"c"}', "b") == b'{"model":"b","model":1,"m":0,"model":"b"}'
    assert spliced(b'{"model":"b","model":"a","model":null}', "b") == b'{"model":"b","model":"b","model":null}'


def test_a_body_that_says_so_already_is_not_touched() -> None:
    """However the name is spelled."""
    assert spliced(b'{"model": "gpt-4o"}', "gpt-4o") is None
    assert spliced(rb'{"model": "gpt\u002d4o"}', "gpt-4o") is None


@pytest.mark.parametrize(
    ("model", "written"),
    [
        ("a/b:c", b'"a/b:c"'),
        ('say "hi"\\', rb'"say \"hi\"\\"'),
        ("größe-日本", '"größe-日本"'.encode()),
        ("a\nb\x00", rb'"a\nb\u0000"'),
        ("\ud83d", rb'"\ud83d"'),
    ],
)
def test_the_new_name_is_escaped_no_more_than_it_must(model: str, written: bytes) -> None:
    """UTF-8 stays UTF-8; half a surrogate pair can only be an escape."""
    assert spliced(b'{"model":"x","a":1}', model) == b'{"model":' + written + b',"a":1}'


def test_a_byte_order_mark_is_passed_over() -> None:
    """Windows' editors write it, and a reader may ignore it; what is sent has it, too."""
    body = b'\xef\xbb\xbf{"a": "\xc3\xb6", "model": "x", "model": 1}'

    assert [body[span.start : span.end] for span in found_in(body).spans] == [b'"x"', b"1"]
    assert spliced(body, "yz") == body.replace(b'"x"', b'"yz"')


def test_half_a_surrogate_pair_is_read() -> None:
    """JSON allows the escape, and a client that cuts texts by UTF-16 sends it."""
    assert found_in(rb'{"model": "\ud83d", "text": "\ude00 \ud83d"}').model == "\ud83d"


@pytest.mark.parametrize("digits", [5_000, 100_000])
def test_numbers_may_be_of_any_length(digits: int) -> None:
    """Python refuses to convert more than 4,300 digits; we do not convert."""
    number = b"9" * digits
    body = b'{"seed": ' + number + b', "deep": [[' + number + b"." + number + b']], "model": "a"}'

    assert found_in(body).model == "a"


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "line\nline\x00\x1f", "model": "a"}',
        b'{"deep": [["line\nline\x00\x1f"]], "model": "a"}',
        rb'{"text": "\x \u12 \q", "model": "a"}',
        rb'{"deep": [["\x \u12 \q"]], "model": "a"}',
        b'{"logit_bias": NaN, "a": [Infinity, -Infinity], "model": "a"}',
    ],
)
def test_what_only_a_strict_parser_minds_is_the_providers_concern(body: bytes) -> None:
    """Control characters and unknown escapes in strings, NaN and Infinity do not keep us from finding the model."""
    assert found_in(body).model == "a"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "it is empty"),
        (b" \n", "expecting value at its end"),
        (b"hello", "expecting value at byte 0"),
        (b'\xef\xbb\xbf{"a": 1 "b"}', "expecting ',' or '}' at byte 11"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "expecting value at byte 3"),  # a second one is no mark any more
        (b'\xef\xbb\xbf{"a": "\xff"}', "it is not UTF-8 at byte 10"),
        (b"\xef\xbb\xbf", "it is empty"),
        ('{"model": "a"}'.encode("utf-16"), "it is not UTF-8 at byte 0"),
        ('{"model": "a"}'.encode("utf-16-le"), "expecting a key in double quotes at byte 1"),
        ('{"model": "ü"}'.encode("latin-1"), "it is not UTF-8 at byte 11"),
        (b'{"model": "\xed\xa0\xbd"}', "it is not UTF-8 at byte 11"),
        (b'{"mod', "unterminated string starting at byte 1"),
        (b'{"model"', "expecting ':' at its end"),
        (b'{"model" "a"}', "expecting ':' at byte 9"),
        (b'{"model": ', "expecting value at its end"),
        (b'{"model": "gpt', "unterminated string starting at byte 10"),
        (b'{"model": "gpt\\"}', "unterminated string starting at byte 10"),
        (b'{"model": "a"', "expecting ',' or '}' at its end"),
        (b'{"model": "a" "b": 1}', "expecting ',' or '}' at byte 14"),
        (b'{"model": "a",', "expecting a key in double quotes at its end"),
        (b'{"model": "a",}', "expecting a key in double quotes at byte 14"),
        (b"{'model': 'a'}", "expecting a key in double quotes at byte 1"),
        (rb"{\"model\": \"a\"}", "expecting a key in double quotes at byte 1"),
        (b'{"a": [1,], "model": "a"}', TRAILING_COMMA),
        (b'{"a": [1, "model": "a"}', "expecting ',' delimiter at byte 17"),
        (b'{"a": {"b": 1], "model": "a"}', "expecting ',' delimiter at byte 13"),
        (b'{"a": 01, "model": "a"}', "expecting ',' or '}' at byte 7"),
        (b'{"a": 1.}', "expecting ',' or '}' at byte 7"),
        (b'{"model": "a"} x', "unexpected text after the JSON value at byte 15"),
        (b'{"model": "a"}\x00', "unexpected text after the JSON value at byte 14"),
        (b'{"model": "a"}{}', "unexpected text after the JSON value at byte 14"),
        (b"{}}", "unexpected text after the JSON value at byte 2"),
        (b"[1] 2", "unexpected text after the JSON value at byte 4"),
        (b'\x00{"model": "a"}', "expecting value at byte 0"),
        (b'{"a": \x00}', "expecting value at byte 6"),
        (rb'{"model": "\x"}', "invalid escape in the string at byte 10"),
        (rb'{"a": 1, "mod\el": "b"}', "invalid escape in the string at byte 9"),
    ],
)
def test_a_body_that_cannot_be_read_is_reported_by_its_place(body: bytes, problem: str) -> None:
    """The client's developer learns what is wrong and where, and no log learns what the body holds."""
    assert problem_of(body) == problem


@pytest.mark.parametrize(
    ("opening", "closing", "most"), [(b"[", b"]", 500), (b'{"a":', b"}", 500), (b'[{"":', b"}]", 250)]
)
@pytest.mark.parametrize("strings", [b"", rb'"[[[[]", "\\", "\"{", '])
@pytest.mark.parametrize("key", [b'"model"', rb'"mod\u0065l"'])
def test_nesting_has_a_bound(opening: bytes, closing: bytes, most: int, strings: bytes, key: bytes) -> None:
    """The same with each version of Python where each key is looked at; brackets in strings do not count."""

    def body(levels: int) -> bytes:
        nested = opening * levels + b"1" + closing * levels
        return b'{"list": [' + strings * 300 + b'1], "a": ' + nested + b", " + key + b': "a"}'

    assert spliced(body(most), "b") == body(most).replace(key + b': "a"', key + b': "b"')
    assert problem_of(body(100 * most)) == "it is nested too deeply"
    if key != b'"model"':
        assert problem_of(body(most + 1)) == "it is nested too deeply"


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":', b'{"model":[', b'{"model":{"model":'])
def test_endless_nesting_is_refused(opening: bytes) -> None:
    """It ends as a value, not as a crash of the parser."""
    assert problem_of(opening * 100_000) == "it is nested too deeply"


def test_garbage_can_be_cleared_away_at_the_deepest_place() -> None:
    """What that takes must not fail for want of room: gRPC lets go of its streams then."""
    cleared = 0

    class Stream:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            nonlocal cleared
            cleared += self.some_steps(20)

        def some_steps(self, more: int) -> int:
            return self.some_steps(more - 1) if more else 1

    before = gc.get_threshold()
    gc.freeze()  # what is there already is not looked at each time
    try:
        for threshold in range(300, 1_100):
            gc.collect()
            Stream()
            gc.set_threshold(threshold)  # so that it happens once, at a place that is a little deeper each time
            read(b'{"a": ' + b"[" * 1_000 + b"]" * 1_000 + b', "model": "a"}')
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
        gc.collect()

    assert cleared == 800


def test_nesting_beyond_the_fast_way_is_read() -> None:
    """The decoder takes over, and the members after it are found as well."""
    deep = b'[{"model":' * 100 + b"1" + b"}]" * 100

    assert spliced(b'{"a":' + deep + b',"model":"a","b":' + deep + b"}", "b") == (
        b'{"a":' + deep + b',"model":"b","b":' + deep + b"}"
    )


def test_no_object_may_have_more_keys_than_any_request() -> None:
    """Each costs some microseconds, so a large body of nothing else would keep a worker from all others."""
    member = b'"":0,'

    assert isinstance(read(b"{" + member * (MOST_MEMBERS - 1) + b'"":0}'), ModelSpans)
    assert problem_of(b"{" + member * MOST_MEMBERS + b'"":0}') == (
        f"more than {MOST_MEMBERS} keys in one object at byte {1 + len(member) * MOST_MEMBERS}"
    )


def test_the_time_does_not_grow_with_the_depth_of_an_unfinished_string() -> None:
    """A pattern that goes back to try a key otherwise would take twice the time for each level around it."""

    def seconds(levels: int) -> float:
        body = b'{"a":' * levels + b'"' + b"x" * 300_000
        began = perf_counter()
        assert problem_of(body).startswith("unterminated string")
        return perf_counter() - began

    assert min(seconds(7) for _ in range(5)) < 8 * min(seconds(2) for _ in range(5))


def test_a_large_body_comes_through_byte_for_byte() -> None:
    """Nothing but the name changes in 20 MB."""
    image = b'", "messages": [{"content": [{"image_url": {"url": "data:;base64,' + b"iVBORw0K" * 2_500_000 + b'"}}]}]}'

    assert spliced(b'{"model": "gpt-4o' + image, "claude") == b'{"model": "claude' + image


def test_the_problem_never_quotes_the_body() -> None:
    """A prompt belongs neither into an error's text nor into a log."""
    secret = "the patient's name"
    bodies = [
        f'{{"messages": "{secret}',
        f'{{"messages": {secret}}}',
        f'{{"{secret}',
        f'{{"model": "a"}} {secret}',
        f'{{"model": "\\x{secret}"}}',
        json.dumps({"messages": [secret]})[:-1],
    ]

    assert [body for body in bodies if secret in problem_of(body.encode())] == []


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b"{}", b'{"model": "gr\\u00f6\\u00dfe"}'),
        (b' {\n"a": {"b": 1}}', b' {"model": "gr\\u00f6\\u00dfe", \n"a": {"b": 1}}'),
        (b"{ } ", b'{"model": "gr\\u00f6\\u00dfe" } '),
        (b"[{}]", None),
        (b'\xef\xbb\xbf{"a": 1}', b'\xef\xbb\xbf{"model": "gr\\u00f6\\u00dfe", "a": 1}'),
        (b'"{"', None),
        (b"1", None),
    ],
)
def test_a_model_can_be_put_where_there_is_none(body: bytes, sent: bytes | None) -> None:
    """Only an object has a place for it; every other byte stays."""
    assert read(body) == ModelSpans(None)

    assert insert(body, "größe") == sent
