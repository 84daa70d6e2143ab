from __future__ import annotations

import pytest

from extproc.exchange.body.model_field import ModelSpans, Span, read
from extproc.exchange.body.model_search import plain_model

ELSEWHERE = b'"tools": [{"name": "ask", "parameters": {"properties": {"model": {"type": "string"}}}}]'
SETTINGS = b'"stream": true, "user": "me", "temperature": 0.7, "n": -1e+3, "stop": null'


@pytest.mark.parametrize(
    ("body", "name"),
    [
        # first
        (b'{"model": "a"}', "a"),
        (b' {"model":"a"} ', "a"),
        (b'{"model"\n\t:\r\n "a"}', "a"),
        (b'{"model": ""}', ""),
        (b'{"model": "a", ' + ELSEWHERE + b"}", "a"),
        (b'{"model": "a", "x": {"model": "b", "y": {}}}', "a"),
        # last, but for plain settings
        ('{"x": "é", "model": "ü"}'.encode(), "ü"),
        (b"{" + ELSEWHERE + b', "model": "a"}', "a"),
        (b"{" + ELSEWHERE + b', "model": "a", ' + SETTINGS + b" }\n", "a"),
        (b"{" + SETTINGS + b', "model": "a"}', "a"),
        (rb'{"x": "say \"model\": \"b\"", "model": "a"}', "a"),
        (rb'{"x\"model": "b", "model": "a"}', "a"),
        (b'{"x": [{"model": "b"}, {"model": "a"}], "model": "a"}', "a"),
        (b'{"x": "' + b"x" * 600 + b'", "model": "a"}', "a"),
        # in the middle
        (b'{"x": 1, "model": "a", "y": {}}', "a"),
        (b"{" + ELSEWHERE + b', "model": "a", "y": [1]}', "a"),
        (b'{"x": {"model": "b"}, "model": "a", "y": [1]}', "a"),
        (b'{"x": "model", "model": "a", "y": {}}', "a"),
        (rb'{"x\"model": "b", "model": "a", "y": {}}', "a"),
        (b'{"x": 1, "model": "a", "y": "' + b"x" * 600 + b'"}', "a"),
    ],
)
def test_the_plain_model_is_found(body: bytes, name: str) -> None:
    """Whatever else has the same name, or says the same."""
    start = body.rindex(f'"{name}"'.encode())
    span = (start, start + len(name.encode()) + 2)

    assert plain_model(body) == (*span, name)
    assert read(body) == ModelSpans(name, (Span(*span, name),))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'{"model": "a"',
        b'{"model": "a"} x',
        b"{}",
        b'{"x": {"model": "a"}}',
        b'{"x": {"model": "a"}, "model": 1}',
        b'{"model": 1}',
        b'{"model": {"model": "a"}}',
        b'{"model": "a", "model": "a"}',
        b'{"model": "a", "model": 1}',
        rb'{"mod\u0065l": "a"}',
        rb'{"\u006dodel": "a", "x": {"model": "a"}}',
        rb'{"x": {"model": "a"}, "\u006dodel": "a", "y": {}}',
        rb'{"model": "a\n"}',
        rb'{"model": "\u0061", "x": {"model": "a"}}',
        rb'{"x": 1, "model": "\u0061", "y": {}}',
        rb'{"x": {"model": "a"}, "model": "\u0061"}',
        b'{"x": 1, "model": "a", "y": {"model": "a"}}',
        rb'{"x\"model": "a", "model": "a", "y": {}}',
        rb'{"model": "\ud800"}',
        b'{"x": [' + b'{"model": 1}, ' * 16 + b'0], "model": "a", "y": {}}',
    ],
)
def test_where_there_is_a_doubt_nothing_is_found(body: bytes) -> None:
    """What is no JSON, what names its model twice or not plainly, and what might be another one's name."""
    assert plain_model(body) is None
