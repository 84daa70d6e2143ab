from __future__ import annotations

import pytest

from extproc.exchange.body.json_depth import DEEPEST, is_too_deep

LOOK = 16 * 1024
TOO_DEEP = b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1)
DEEP = b"[" * DEEPEST + b"]" * DEEPEST


@pytest.mark.parametrize("padding", [0, 100, LOOK - 600, LOOK - 2, LOOK, 4 * LOOK, 40 * LOOK])
def test_depth_is_found_wherever_it_is(padding: int) -> None:
    """However far one looks at a time."""
    before = b'{"a": "' + b"x" * padding + b'", "b": '

    assert is_too_deep(before + TOO_DEEP + b"}")
    assert not is_too_deep(b"[" + b"1," * (padding // 2) + DEEP[1:-1] + b"]")


@pytest.mark.parametrize("cut", range(-6, 7))
@pytest.mark.parametrize("text", [b'["', b'\\"[', b"\\\\", b'\\\\\\"{', b"x"])
def test_a_text_may_end_anywhere_in_a_look(cut: int, text: bytes) -> None:
    """Brackets in strings do not count, also where the look ends within the string or within an escape."""
    if text == b'["':
        text = b"[["
    value = b'{"a": "' + b"x" * (LOOK - 8 + cut) + text * DEEPEST + b'", "b": [1]}'

    assert not is_too_deep(value)
    assert is_too_deep(value[:-4] + TOO_DEEP + b"}")


def test_only_the_value_counts() -> None:
    """Neither what stands before it nor what follows."""
    body = TOO_DEEP + b", " + DEEP + b", " + TOO_DEEP
    at = len(TOO_DEEP) + 2

    assert not is_too_deep(body, at)
    assert is_too_deep(body)
    assert is_too_deep(body, at + len(DEEP) + 2)


@pytest.mark.parametrize("body", [b"", b"1", b"]", b"]]]" + TOO_DEEP, b'"' + TOO_DEEP, b"[" * DEEPEST])
def test_what_no_decoder_would_follow_is_not_deep(body: bytes) -> None:
    assert not is_too_deep(body)
