from dataclasses import replace

import pytest
from clients.catalog import CLIENTS
from clients.table import LONGEST, Row, page, results, shortened
from clients.trial import Measured

BY_NAME = {client.name: client for client in CLIENTS}
ANSWERED = Measured(answered=True, said="Hello from S.", seconds=0.04, requests=1, calls=2)
FAILED = Measured(answered=False, said="all down", seconds=1.26, requests=3, calls=9)


def a_row(name: str = "openai-node", *, down: Measured = FAILED, down_off: Measured | None = FAILED) -> Row:
    return Row(BY_NAME[name], "1.2.3", "Envoy 1.40.0", ANSWERED, down, down_off)


def cells(row: Row) -> list[str]:
    *_, line = results([row])
    return line.strip("| ").split(" | ")


def test_a_client_is_a_line_of_counts() -> None:
    row = a_row(down_off=replace(FAILED, requests=1, calls=3, seconds=0.5))

    assert cells(row) == [
        "openai-node",
        "`openai` 1.2.3",
        "`http://127.0.0.1:12000/v1`",
        "success",
        "3 / 9 / 1.3 s",
        "`maxRetries: 0`",
        "1 / 3 / 0.5 s",
    ]


def test_a_client_without_such_a_setting_has_no_second_count() -> None:
    assert cells(a_row("aider", down_off=None))[-2:] == [BY_NAME["aider"].off, "the same"]


def test_what_was_ended_at_the_deadline_says_so() -> None:
    assert cells(a_row(down=replace(FAILED, in_time=False)))[4] == "> 3 / 9 / 1.3 s"


@pytest.mark.parametrize(
    ("row", "faults"),
    [
        (a_row(), ()),
        (
            replace(a_row(), limited=replace(ANSWERED, answered=False, said="no\nway")),
            ("no response of the second provider: no way",),
        ),
        (a_row(down=replace(FAILED, calls=10)), ("10 provider calls for 3 requests",)),
        (a_row(down_off=replace(FAILED, calls=111, requests=1)), ("111 provider calls for 1 requests",)),
    ],
)
def test_what_must_not_be_is_found(row: Row, faults: tuple[str, ...]) -> None:
    """No answer in spite of a working fallback, and more calls than the policy allows in any scenario."""
    assert row.faults == faults


def test_what_users_read_is_one_line() -> None:
    assert shortened("one\n  two\t three") == "one two three"


def test_what_differs_from_run_to_run_is_left_out() -> None:
    """Else the page would change although nothing has."""
    assert shortened("request 0b7e1c0a-1111-4222-8333-444455556666 failed") == "request … failed"


def test_a_long_message_is_cut() -> None:
    assert shortened("x" * LONGEST) == "x" * LONGEST
    assert shortened("x" * LONGEST + "y") == "x" * (LONGEST - 1) + "…"
    assert shortened("word " * LONGEST).endswith("word…")


def test_a_message_cannot_break_the_table() -> None:
    text = page([a_row(down=replace(FAILED, said="a|b `c`\nd"))])

    assert "| openai-node | `a\\|b 'c' d` |" in text.splitlines()


def test_of_a_client_that_does_not_end_the_message_without_retries_is_told() -> None:
    row = a_row(down=replace(FAILED, said="nothing yet", in_time=False), down_off=replace(FAILED, said="at last"))

    assert "| openai-node | `at last` |" in page([row]).splitlines()


def test_the_page_names_what_it_was_measured_with_and_what_to_know() -> None:
    text = page([a_row("codex"), replace(a_row("groq"), measured_with="Envoy 1.41.0"), a_row("together")])

    assert "Envoy 1.40.0; Envoy 1.41.0." in text
    assert f"- groq: {BY_NAME['groq'].note}" in text
