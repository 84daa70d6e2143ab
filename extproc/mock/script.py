"""The text form of a script: `429(retry_after=2), reset, 200(sse=5, gap=0.1)`.

A script is steps with commas between them; `loop` at the end starts over instead of repeating the last step. A step is
a status or the name of an action, then options in parentheses; the value of an option is JSON, so that headers and
bodies of any content can be written: `429(headers={"x-should-retry": "false"}, body="slow down")`. A number without a
name is the step's length in seconds: `silence(3)`. Scripts for single models follow semicolons:
`200; gpt-4o: 429, 200; gpt-4o-mini: reset`.
"""

from __future__ import annotations

import json
import re
from types import MappingProxyType

from extproc.mock.options import options_of, set_option
from extproc.mock.step import Action, Script, Step, StepSequence

_WORD = re.compile(r"[A-Za-z0-9_]+")
_MODEL = re.compile(r"([^\s,;()]+?)\s*:\s")
_ACTIONS = tuple(str(action) for action in Action if action is not Action.RESPOND)  # RESPOND is written as its status
_LOOP = "loop"


class ScriptError(ValueError):
    """An invalid script; *problem* says why, *column* (from 1) where."""

    def __init__(self, column: int, problem: str) -> None:
        super().__init__(f"script, column {column}: {problem}")
        self.column = column
        self.problem = problem


def parse_script(text: str) -> Script:
    """Return the script that *text* describes.

    Raises:
        ScriptError: it is invalid.
    """
    return _Parser(text).script()


class _Parser:
    """A recursive-descent parser of one script. Mutable: its position moves forward."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def script(self) -> Script:
        """Return the script, from the cursor to the end."""
        common: StepSequence | None = None
        by_model: dict[str, StepSequence] = {}
        while True:
            self._skip_blanks()
            began = self._at
            model = self._model()
            if model is None and common is None:
                common = self._sequence()
            elif model is not None and model not in by_model:
                by_model[model] = self._sequence()
            else:
                raise self._error(f"a second script for {model or 'all models'}", at=began)
            if not self._take(";"):
                break
        if self._at < len(self._text):
            raise self._error(f"expected a comma, a semicolon or the end, got {self._text[self._at]!r}")
        return Script(StepSequence((Step(),)) if common is None else common, MappingProxyType(by_model))

    def _model(self) -> str | None:
        match = _MODEL.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[1]

    def _sequence(self) -> StepSequence:
        steps = [self._step()]
        while self._take(","):
            self._skip_blanks()
            if self._word_ahead() == _LOOP:
                self._at += len(_LOOP)
                return StepSequence(tuple(steps), loop=True)
            steps.append(self._step())
        return StepSequence(tuple(steps))

    def _step(self) -> Step:
        self._skip_blanks()
        began = self._at
        word = self._word_ahead()
        self._at += len(word)
        if word.isdecimal() and len(word) == 3 and 200 <= int(word) <= 599:
            step = Step(status=int(word))
        elif word in _ACTIONS:
            step = Step(Action(word))
        else:
            known = ", ".join(_ACTIONS)
            got = repr(word or self._text[began : began + 1] or "the end")
            raise self._error(f"expected a status from 200 to 599 or one of {known}; got {got}", at=began)
        if not self._take("("):
            return step
        if self._take(")"):
            return step
        while True:
            step = self._option(step, word)
            if self._take(")"):
                return step
            if not self._take(","):
                raise self._error("expected a comma or a closing parenthesis")

    def _option(self, step: Step, word: str) -> Step:
        self._skip_blanks()
        began = self._at
        name = "seconds"
        if not self._text[self._at : self._at + 1].isdecimal():
            name = self._word_ahead()
            self._at += len(name)
            if not self._take("="):
                raise self._error("expected an option, as in delay=1.5", at=began)
        if name not in options_of(step.action):
            known = ", ".join(sorted(options_of(step.action)))
            raise self._error(f"{word} has no option {name!r}; it has {known}", at=began)
        self._skip_blanks()
        value_began = self._at
        try:
            return set_option(step, name, self._value())
        except ValueError as error:
            raise self._error(f"{name}: {error}", at=value_began) from error

    def _value(self) -> object:
        try:
            value, self._at = json.JSONDecoder().raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            raise ValueError("expected a number, a quoted string or other JSON") from error
        return value

    def _word_ahead(self) -> str:
        match = _WORD.match(self._text, self._at)
        return match[0] if match else ""

    def _take(self, mark: str) -> bool:
        """Move past *mark* and the blanks before it; return whether it was there."""
        self._skip_blanks()
        if not self._text.startswith(mark, self._at):
            return False
        self._at += 1
        return True

    def _skip_blanks(self) -> None:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1

    def _error(self, problem: str, *, at: int | None = None) -> ScriptError:
        return ScriptError((self._at if at is None else at) + 1, problem)
