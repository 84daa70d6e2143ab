"""The text form of scripts."""

from __future__ import annotations

import pytest

from extproc.mock.script import ScriptError, parse_script
from extproc.mock.step import Action, Script, Step, StepSequence


def a_script(*steps: Step, loop: bool = False) -> Script:
    return Script(StepSequence(steps, loop=loop))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("200", [Step()]),
        ("429, 200", [Step(status=429), Step()]),
        ("429(retry_after=2), 200", [Step(status=429, headers=(("retry-after", "2"),)), Step()]),
        ("429(retry_after=1.5)", [Step(status=429, headers=(("retry-after", "1.5"),))]),
        (
            '429(retry_after="Wed, 21 Oct 2026 07:28:00 GMT")',
            [Step(status=429, headers=(("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),))],
        ),
        (
            '503(headers={"X-Should-Retry": "false", "x-n": 1, "x-many": ["a", "b"]})',
            [
                Step(
                    status=503,
                    headers=(("x-should-retry", "false"), ("x-n", "1"), ("x-many", "a"), ("x-many", "b")),
                )
            ],
        ),
        ('500(body="no, (really)")', [Step(status=500, body="no, (really)")]),
        ('402(body={"error": {"code": 1}})', [Step(status=402, body='{"error": {"code": 1}}')]),
        ("200(delay=1.5)", [Step(delay=1.5)]),
        ("200( sse = 5 , gap = 0.2 )", [Step(sse=5, gap=0.2)]),
        ("200()", [Step()]),
        ("echo", [Step(Action.ECHO)]),
        ("reset, close", [Step(Action.RESET), Step(Action.CLOSE)]),
        ("reset_mid_headers(gap=0)", [Step(Action.RESET_MID_HEADERS, gap=0)]),
        ("reset_mid_body(status=206)", [Step(Action.RESET_MID_BODY, status=206)]),
        (
            "close_mid_body(status=429, sent=52, chunked=true)",
            [Step(Action.CLOSE_MID_BODY, status=429, sent=52, chunked=True)],
        ),
        ("silence, silence(3)", [Step(Action.SILENCE), Step(Action.SILENCE, seconds=3)]),
        ("slow_body(0.5)", [Step(Action.SLOW_BODY, seconds=0.5)]),
        ("\n 429 ,\t200\n", [Step(status=429), Step()]),
    ],
)
def test_a_text_names_steps_in_order(text: str, steps: list[Step]) -> None:
    assert parse_script(text) == a_script(*steps)


def test_loop_at_the_end_starts_over() -> None:
    """The word `loop` is no step: it says what follows the last one."""
    assert parse_script("429, 200, loop") == a_script(Step(status=429), Step(), loop=True)


def test_models_may_have_scripts_of_their_own() -> None:
    """A model's name may hold what model names hold, a colon included; blank space ends the name."""
    script = parse_script("500; gpt-4o: 429, 200; llama3:8b: reset")

    assert script.sequence == StepSequence((Step(status=500),))
    assert dict(script.by_model) == {
        "gpt-4o": StepSequence((Step(status=429), Step())),
        "llama3:8b": StepSequence((Step(Action.RESET),)),
    }


def test_models_without_a_script_get_200_when_there_is_none_for_all() -> None:
    script = parse_script("gpt-4o: 429")

    assert script.sequence == StepSequence((Step(),))


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("", 1, "expected a status from 200 to 599 or one of echo, "),
        ("4290", 1, "got '4290'"),
        ("99", 1, "got '99'"),
        ("600", 1, "got '600'"),
        ("429, , 200", 6, "got ','"),
        ("429,", 5, "got 'the end'"),
        ("answer", 1, "got 'answer'"),
        ("429 200", 5, "expected a comma, a semicolon or the end, got '2'"),
        ("429, loop, 200", 10, "expected a comma, a semicolon or the end, got ','"),
        ("429(retry=2)", 5, "429 has no option 'retry'; it has body, chunked, delay, gap, headers, retry_after, sse"),
        ("reset(sse=2)", 7, "reset has no option 'sse'; it has delay"),
        ("429(5)", 5, "429 has no option 'seconds'"),
        ("200(delay)", 5, "expected an option, as in delay=1.5"),
        ("200(delay=)", 11, "delay: expected a number, a quoted string or other JSON"),
        ("200(delay=-1)", 11, "delay: expected a number of seconds, got -1"),
        ("200(delay=true)", 11, "delay: expected a number of seconds, got true"),
        ("200(delay=Infinity)", 11, "delay: expected a number of seconds, got Infinity"),
        ("200(sse=0)", 9, "sse: expected a number of events, 1 or more, got 0"),
        ("200(sse=2.5)", 9, "sse: expected a number of events, 1 or more, got 2.5"),
        ("echo(status=100)", 13, "status: expected a status from 200 to 599, got 100"),
        ("429(retry_after=null)", 17, "retry_after: expected a string or a number, got null"),
        ('200(headers="a")', 13, 'headers: expected {"name": "value"}, got "a"'),
        ('200(headers={"a b": "c"})', 13, "headers: 'a b' is not a header that a script can set"),
        ('200(headers={"content-length": 3})', 13, "headers: 'content-length' is not a header that a script can set"),
        ('200(headers={"a": "b\\n"})', 13, "headers: 'b\\n' is not a valid value of header a"),
        ("200(delay=1", 12, "expected a comma or a closing parenthesis"),
        ("200; 429", 6, "a second script for all models"),
        ("a: 200; a: 429", 9, "a second script for a"),
    ],
)
def test_a_text_that_is_no_script_is_refused_with_place_and_reason(text: str, column: int, problem: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script(text)

    assert caught.value.column == column
    assert problem in caught.value.problem
    assert str(caught.value) == f"script, column {column}: {caught.value.problem}"
