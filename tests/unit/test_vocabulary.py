"""The words of the field: what the code called by words of its own stays called as users and maintainers know it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]

SCOPE: Final = (
    "extproc/names.py",
    "extproc/observe",
    "extproc/policy",
    "extproc/exchange",
    "extproc/transport",
    "protos",
    "tests/property",
    "tests/simulation",
    "tests/support/policy",
    "tests/unit/exchange",
    "tests/unit/observe",
    "tests/unit/policy",
    "tests/unit/transport",
)
"""Files and folders that keep to the words; others are added as they do."""

WORDS: Final = {
    "answer": "response",
    "answered": "responded",
    "answers": "responses, responds",
    "anybody": "the client, the provider, Envoy, …",
    "chance": "randomness, rng",
    "dice": "rng",
    "everybody": "every target, every client, …",
    "heard": "received, recorded",
    "judge": "classify, process",
    "judged": "classified, processed",
    "judgement": "classification",
    "lesson": "outcome",
    "lessons": "OutcomeRecorder",
    "mend": "fix",
    "nobody": "no client, no provider, …",
    "patience": "timeout",
    "quest": "CandidateQuery",
    "roster": "CandidateIndex",
    "somebody": "the client, the provider, Envoy, …",
    "stories": "attempt states",
    "story": "AttemptState",
    "tell": "return, report, log",
    "tells": "returns, reports, logs",
    "told": "returned, reported, logged",
    "unasked": "UnhandledMessage",
    "unjudged": "unprocessed",
    "whoever": "the client, the provider, Envoy, …",
    "wish": "RetryHint",
}
"""Words that are not to be used, each with the field's."""

PHRASES: Final = {"set aside": "on cooldown", "take note": "record, handle", "under way": "in flight"}

EXCEPTIONS: Final[dict[str, set[str]]] = {}
"""Words that a file needs, by its path: the name of something outside of this project."""

_PART: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def _files() -> Iterator[Path]:
    for place in SCOPE:
        path = ROOT / place
        yield from [path] if path.is_file() else (file for file in path.rglob("*") if file.suffix in _SUFFIXES)


_SUFFIXES: Final = {".py", ".proto", ".md", ".yaml"}


def _found(text: str) -> set[str]:
    """Return the words in *text*, and in the names in it, that are not to be used."""
    parts = {part.lower() for part in _PART.findall(text)}
    prose = " ".join(text.replace("_", " ").lower().split())
    return (parts & WORDS.keys()) | {phrase for phrase in PHRASES if re.search(rf"\b{phrase}\b", prose)}


def test_the_code_uses_the_words_of_the_field() -> None:
    """The message names the file and, for each word, the field's own."""
    known = WORDS | PHRASES
    wrong = {
        str(path.relative_to(ROOT)): {word: known[word] for word in sorted(words)}
        for path in _files()
        if (words := _found(path.read_text()) - EXCEPTIONS.get(str(path.relative_to(ROOT)), set()))
    }

    assert wrong == {}


@pytest.mark.parametrize("text", ["def a_story()", "class SlowAnswers", "UNJUDGED", "_told", "It is\nunder way."])
def test_words_are_found_in_names_and_across_lines(text: str) -> None:
    assert _found(text)


def test_every_place_and_every_exception_exists() -> None:
    assert [place for place in (*SCOPE, *EXCEPTIONS) if not (ROOT / place).exists()] == []
    assert {path for path, words in EXCEPTIONS.items() if not words <= _found((ROOT / path).read_text())} == set()
