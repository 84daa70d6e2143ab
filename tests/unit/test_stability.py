"""docs/stability.md and the code name the same: nothing is promised that is not there, nothing is there unpromised."""

from __future__ import annotations

import inspect
import json
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.policy.builders import P, http

from extproc import names
from extproc.config.schema.json_schema import json_schema
from extproc.doctor.finding import error
from extproc.exchange.attempt_record import AttemptRecord, Result
from extproc.exchange.client_errors.exhausted import exhausted_response
from extproc.exchange.client_errors.kinds import request_id_headers
from extproc.exits import ExitCode
from extproc.observe.log import LINES_DROPPED, attempt_fields
from extproc.policy.attempt_state import FailedAttempt, Reason
from extproc.policy.decision import Exhausted, StopReason
from extproc.policy.target import Api

with warnings.catch_warnings():
    # envoy-data-plane was made for an older pydantic and says so while it is loaded; tests take warnings as errors.
    warnings.simplefilter("ignore", DeprecationWarning)
    from extproc.bootstrap.internal_headers import NOT_FOR_CLIENTS
    from extproc.cli import doctor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "stability.md").read_text()


def rows(head: str) -> dict[str, list[str]]:
    """Return the code spans of each row under a table whose first column is called *head*, by the row's first one."""
    found = {}
    for table in re.findall(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\n((?:\|.*\n?)+)", PAGE, re.MULTILINE):
        for row in table.splitlines():
            first, rest = row.strip("|").split("|", 1)
            found[first.strip().strip("`")] = re.findall(r"`([^`]+)`", rest)
    assert found, f"there is no table of {head}"
    return found


def tables(place: str, table: object, definitions: dict[str, object]) -> Iterator[tuple[str, list[str]]]:
    """Yield every table of the configuration file below *table*: its place, and its keys."""
    assert isinstance(table, dict)
    yield place, list(table["properties"])
    for key, value in table["properties"].items():
        for suffix, name in sorted(set(_named(value))):
            if "properties" in dict(definitions[name]):  # type: ignore[call-overload]  # a map
                yield from tables(f"{place}.{key}{suffix}".strip("."), definitions[name], definitions)


def _named(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield "", value["$ref"].rpartition("/")[2]
        for choice in ("anyOf", "oneOf", "allOf"):
            for one in value.get(choice, []):
                yield from _named(one)
        for inner, suffix in (("items", "[]"), ("additionalProperties", "{}")):
            yield from ((suffix + more, name) for more, name in _named(value.get(inner)))


def test_every_key_of_the_configuration_is_promised() -> None:
    """By table, in the order of the reference; the older name of `model_providers` has the same tables."""
    schema = json.loads(json.dumps(json_schema()))
    found = {
        place.removeprefix("model_providers[].") if "retry_policy" in place else place: keys
        for place, keys in tables("", schema, schema["$defs"])
        if not place.startswith("llm_providers")
    }
    found["the file"] = found.pop("")

    assert found == rows("table")


def test_every_header_is_promised() -> None:
    """Whatever begins with a prefix of ours and is neither promised nor removed would be promised by accident."""
    ours = {value for name, value in vars(names).items() if isinstance(value, str) and value.startswith("x-extproc-")}
    failed = FailedAttempt(P, http(429, 1000), "default")
    exhausted = Exhausted(StopReason.RULE_SPENT, (failed,), 1000, primary=P)
    answer = exhausted_response(exhausted, Api.MESSAGES, request_id="id", discourage_retries=True)
    by_itself = {name for name, _ in (*answer.headers, *request_id_headers("id", anthropic=True))}

    assert {names.HINT, *ours - {*NOT_FOR_CLIENTS, names.REDISPATCH}, *by_itself - {"content-type"}} == {
        *rows("header")
    }


def test_every_key_of_an_exhausted_requests_error_is_promised() -> None:
    failed = FailedAttempt(P, http(429, 1000), "default")
    exhausted = Exhausted(StopReason.RULE_SPENT, (failed,), 1000, primary=P)
    told = json.loads(exhausted_response(exhausted, Api.CHAT, request_id="id", discourage_retries=True).body)["error"]
    promised = rows("key")
    of_doctor = {*rows_under("`extproc doctor --json`", "key")}

    assert {*told} == {*promised} - of_doctor
    assert [*told["attempts"][0]] == promised["attempts"]


def rows_under(heading: str, head: str) -> dict[str, list[str]]:
    """Return the rows of the table in the section of that *heading*."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return {row: found for row, found in rows(head).items() if f"| `{row}` |" in section}


def test_every_exit_code_is_promised() -> None:
    assert {str(code.value) for code in ExitCode} == {*rows("code")}


def test_every_exit_code_of_the_doctor_is_promised() -> None:
    """Its own table is what `--help` shows."""
    assert set(re.findall(r"^  (\d+) ", doctor.TABLE, re.MULTILINE)) == {*rows("code of `doctor`")}


def test_every_key_of_a_finding_is_promised() -> None:
    (told,) = json.loads(doctor._as_json([error("place", "problem", "fix")]))

    assert [*told] == [*rows_under("`extproc doctor --json`", "key")]


def test_every_field_of_an_attempt_is_promised() -> None:
    record = AttemptRecord(
        *("id", Api.CHAT, 2, Result.EXHAUSTED, P, 1, Reason.PRIMARY, 5, "http_503", 503, 10, 20),
        stop_reason=StopReason.RULE_SPENT,
        next_target=P,
        previous_outcome="http_503",
    )

    assert [*attempt_fields(record)] == [field for field in rows("field") if field in PAGE.partition("Its words")[0]]
    assert None not in vars_of(record)


def vars_of(record: AttemptRecord) -> list[object]:
    """Return the values of every field of *record*."""
    return [getattr(record, name) for name in inspect.signature(AttemptRecord).parameters]


@pytest.mark.parametrize(
    ("field", "words"), [("api", Api), ("target_reason", Reason), ("result", Result), ("stop_reason", StopReason)]
)
def test_every_word_of_a_field_is_promised(field: str, words: type[StrEnum]) -> None:
    assert [*words] == rows("field")[field]


def test_every_event_is_promised() -> None:
    """They are written out where they happen."""
    written = {LINES_DROPPED}
    for path in (ROOT / "extproc").rglob("*.py"):
        text = path.read_text()
        written |= {*re.findall(r'\blog_event\(\s*"(\w+)"', text)}
        written |= {*re.findall(r'_log\.\w+\("(\w+)", extra=', text)}
        written |= {*re.findall(r'\bNotice\(\s*"(\w+)"', text)}
        written |= {*re.findall(r'"event": "(\w+)"', text)}

    assert written == {*rows("event")}
