"""Bodies of requests and of answers: what is asked for, and what only looks like it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fuzz.configuration import MAX_BODY, TARGETS, WILDCARD
from fuzz.values import CANARY, damaged, number, one_in, raw, text

if TYPE_CHECKING:
    from random import Random

_STRANGE = (
    b"",
    b"null",
    b"[]",
    b'"model"',
    b"\xef\xbb\xbf{}",
    b'{"model": null}',
    b'{"model": 1e999, "model": "fast"}',
    b'{"model": "fast", "model": {"model": "fast"}, "model": "openai/gpt-4o"}',
    b'{"\\u006dodel": "f\\u0061st"}',
    b'{"model": "\\ud800"}',
    b'{"model": "mistral/\\udfff\\ud800"}',
    b'{"model": "mistral/a b"}',
    b'{"model": "fast\\u0000"}',
    b'{"model": "fast\x00"}',
    b'{"model": "fast"}\x00',
    b'{"model": "fast"',
    b'{"a": [1, 2,], "model": "fast"}',
    b'{"model": "fast", "n": ' + b"9" * 5_000 + b"}",
    b'{"model": "' + b"x" * 5_000 + b'"}',
    b'{"model": "fast", "x": "\\',
    b"\xff\xfe{\x00}\x00",
)

_ODD_ERRORS = (b"null", b"[]", b"1", b"{}", b'{"code": {}}', b'{"code": ["insufficient_quota"]}', b'{"type": null}')


def request_body(rng: Random) -> bytes:
    """Return the body of a request: mostly one that names a model."""
    if one_in(rng, 1_000):
        return _huge(rng)
    match rng.randrange(10):
        case 0:
            return raw(rng, 200)
        case 1:
            return rng.choice(_STRANGE)
        case 2:
            return damaged(rng, _chat(rng))
        case 3:
            return _deep(rng)
        case _:
            return _chat(rng)


def error_body(rng: Random) -> bytes:
    """Return the body of a provider's refusal, or something in its place."""
    if one_in(rng, 1_000):
        return _huge(rng)
    match rng.randrange(6):
        case 0:
            return raw(rng, 200)
        case 1:
            return _deep(rng)
        case 2:
            return b'{"error": %b}' % rng.choice(_ODD_ERRORS)
        case _:
            code = rng.choice(("insufficient_quota", "rate_limit_exceeded", None, text(rng)))
            return json.dumps({"error": {"code": code, "message": CANARY}}).encode()


def _chat(rng: Random) -> bytes:
    model = rng.choice((*TARGETS, "fast", "gpt-4o", f"{WILDCARD}/m{rng.randrange(5_000)}", text(rng)))
    messages = [{"role": "user", "content": CANARY + text(rng)} for _ in range(rng.randrange(4))]
    return json.dumps({"model": model, "messages": messages, CANARY: number(rng)}).encode()


def _deep(rng: Random) -> bytes:
    """Return a body that is nested deeper than anybody would write by hand."""
    depth = rng.choice((5, 6, 7, 8, 50, 900, 1_100, 20_000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"model":', b"}]")))
    inner = opening * depth + b"1" + closing * (depth - one_in(rng, 4))
    return b'{"messages": ' + inner + b', "model": "fast"}'


def _huge(rng: Random) -> bytes:
    """Return a body about as large as the limit, or of as many pieces as fit into it."""
    size = rng.choice((MAX_BODY - 1, MAX_BODY, MAX_BODY + 1, MAX_BODY // 2, 2 * MAX_BODY, 3 * MAX_BODY))
    piece = rng.choice((b"x", b"\\n", b"\xc3\xa4", b'", "k": "', b"\0", b'\\"', CANARY.encode()))
    start, end = b'{"model": "fast", "messages": "', b'"}'
    filled = start + piece * ((size - len(start) - len(end)) // len(piece))
    return filled + b" " * (size - len(filled) - len(end)) + end
