"""The code, its messages and the documents use the terms of HTTP, Envoy, POSIX and resilience engineering."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

IDENTIFIERS = (
    r"Story|Quest|Roster|Lessons|Unasked|Family|News|StopAsked|RestartAsked|tether|Switchboard|Membership|Duty"
    r"|Predecessor|chosen_run|check_doors|warn_of_surroundings|ask_to_stop|PATIENCE|BRIDGED|BRIDGING_TRIES|LET_THROUGH"
    r"|let_through|stand_in|alone_since|name_service|locate|identities|Identity|Site|send_answer|UNJUDGED|JUDGED|go_on"
    r"|last_one_gone|claimed|key_rest|Wish"
)
"""Names that were replaced."""

PROSE = (
    r"answer(s|ed|ing)?|told|tells?|nobody|somebody|anybody|everybody|whoever|judge[sd]?|judgement|judgment|unjudged|mend(s|ed)?"
    r"|patience|anew|surroundings|good-?bye|made-up|under way|lets? (a|the|it|them|that)? ?(request )?through"
    r"|name server|stands in line|truth value|whole number|in a circle|stand-in|asked for anew"
)
"""Words for which the field has a term: response, return, report, log, classify, fix, timeout, in flight, fail open."""

CODE = ("extproc", "envoy")
DOCUMENTS = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs", "configs"),
    *("Makefile", "Dockerfile", "docker-compose.yml", "deploy"),
)

CORE = (
    *("protos", "extproc/exchange", "extproc/names.py", "extproc/observe", "extproc/policy", "extproc/transport"),
    *("tests/property", "tests/simulation", "tests/support/policy"),
    *("tests/unit/exchange", "tests/unit/observe", "tests/unit/policy", "tests/unit/transport"),
)
"""Places where the words are in no name either, be it `SlowAnswers` or `_told`."""

PARTS = (
    r"answer(s|ed)?|anybody|chance|dice|everybody|heard|judged?|judgement|lessons?|mend(ed|s)?|nobody|patience|quest|roster"
    r"|somebody|story|stories|tells?|told|unasked|unjudged|whoever|wish"
)
"""Parts of names, and words of prose, in lower case."""

PHRASES = ("set aside", "take note", "under way")

MEANT = {
    ("CHANGELOG.md", "answered_by"),
    ("CHANGELOG.md", "mend"),
    ("CHANGELOG.md", "judged"),
    ("CHANGELOG.md", "told"),
    ("CHANGELOG.md", "unjudged"),
    ("Makefile", "standin"),
    ("docs/clients.md", "answers"),
}
"""File and word: old names in the changelog, and what others' programs print."""


def files(*places: str) -> list[Path]:
    """Return the text files of the repository at or under *places*."""
    found = [path for place in places for path in ((ROOT / place), *(ROOT / place).rglob("*")) if path.is_file()]
    return [path for path in found if path.suffix not in {".pem", ".key", ".pyc", ".whl"}]


def found(pattern: str, places: list[Path]) -> list[str]:
    """Return where *pattern* is found as a word in *places*, other than as it is `MEANT`."""
    word = re.compile(rf"(?<![\w.-])({pattern})(?![\w-])", re.IGNORECASE if pattern is PROSE else 0)
    return [
        f"{place.relative_to(ROOT)}:{number}: {match[0]}"
        for place in places
        for number, line in enumerate(place.read_text().splitlines(), 1)
        for match in word.finditer(line)
        if (str(place.relative_to(ROOT)), match[0].lower()) not in MEANT
    ]


def test_replaced_names_do_not_come_back() -> None:
    assert found(IDENTIFIERS, files(*CODE)) == []


def test_the_code_uses_the_fields_terms() -> None:
    assert found(PROSE, files(*CODE)) == []


def test_the_documents_use_the_fields_terms() -> None:
    assert found(PROSE, files(*DOCUMENTS)) == []


def test_a_forbidden_word_is_found(tmp_path: Path) -> None:
    """The check itself: a word inside another one, or in a name, is allowed."""
    text = tmp_path / "x.py"
    text.write_text("# Nobody answers; retold, unanswered_requests, answer_of\n")

    assert re.findall(rf"(?<![\w.-])({PROSE})(?![\w-])", text.read_text(), re.IGNORECASE)[0][0] == "Nobody"
    assert len(re.findall(rf"(?<![\w.-])({PROSE})(?![\w-])", text.read_text(), re.IGNORECASE)) == 2


def parts_of(text: str) -> set[str]:
    """Return what of `PARTS` and `PHRASES` is in *text*, in names in either case, and across lines."""
    parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}
    prose = " ".join(text.replace("_", " ").lower().split())
    return {part for part in parts if re.fullmatch(PARTS, part)} | {
        phrase for phrase in PHRASES if re.search(rf"\b{phrase}\b", prose)
    }


def test_the_core_and_its_tests_use_the_fields_terms_in_names_too() -> None:
    wrong = {str(place.relative_to(ROOT)): parts_of(place.read_text()) for place in files(*CORE)}

    assert {place: parts for place, parts in wrong.items() if parts} == {}


@pytest.mark.parametrize("text", ["def a_story()", "class SlowAnswers", "UNJUDGED", "_told", "It is\nunder way."])
def test_a_forbidden_part_of_a_name_is_found(text: str) -> None:
    assert parts_of(text)


def test_every_place_exists() -> None:
    """Else what has moved would be held to nothing."""
    assert [place for place in (*CORE, *CODE, *DOCUMENTS) if not (ROOT / place).exists()] == []
