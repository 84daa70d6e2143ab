from __future__ import annotations

import pytest

from extproc.exchange.body.model_field import ModelSpans, Span, read
from extproc.exchange.body.model_search import plain_model

ELSEWHERE = b'"tools": [{"name": "ask", "parameters": {"properties": {"model": {"type": "string"}}}}]'


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"model": "a"}', "a"),
        (b' {"model":"a"} ', "a"),
        (b'{"model"\n\t:\r\n "a"}', "a"),
        ('{"x": "é", "model": "ü"}'.encode(), "ü"),
        (b'{"model": ""}', ""),
        (b"{" + ELSEWHERE + b', "model": "a"}', "a"),
        (rb'{"x": "say \"model\": \"a\"", "model": "a"}', "a"),
        (rb'{"x\"model": "b", "model": "a"}', "a"),
        (b'{"x": "model", "model": "a"}', "a"),
    ],
)
def test_the_plain_model_is_found(body: bytes, name: str) -> None:
    """Whatever else has the same name: it stands last in all of these."""
    value = f'"{name}"'.encode()
    start = body.rindex(value)

    assert plain_model(body) == (start, start + len(value), name)
    assert read(body) == ModelSpans(name, (Span(start, start + len(value), name),))


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
        b'{"model": 1}',
        b'{"model": {"model": "a"}}',
        b'{"model": "a", "model": "a"}',
        b'{"model": "a", "model": 1}',
        rb'{"mod\u0065l": "a"}',
        rb'{"\u006dodel": "a", "x": {"model": "a"}}',
        rb'{"model": "a\n"}',
        rb'{"model": "\u0061", "x": {"model": "a"}}',
        b'{"model": "a", "x": {"model": "a"}}',
        rb'{"x\"model": "a", "model": "a"}',
        rb'{"model": "\ud800"}',
        b'{"x": [' + b'{"model": 1}, ' * 16 + b'0], "model": "a"}',
    ],
)
def test_where_there_is_a_doubt_nothing_is_found(body: bytes) -> None:
    """What is no JSON, what names its model twice or not plainly, and what might be another one's name."""
    assert plain_model(body) is None
