"""Which step a request gets."""

from __future__ import annotations

import pytest

from extproc.mock.script import parse_script
from extproc.mock.step import Script, ScriptPosition, StepSequence


def statuses(script: Script, *models: str | None) -> list[int]:
    position = ScriptPosition(script)
    return [position.next_step(model).status for model in models]


def test_the_last_step_repeats() -> None:
    assert statuses(parse_script("429, 503, 200"), *[None] * 5) == [429, 503, 200, 200, 200]


def test_a_loop_starts_over() -> None:
    assert statuses(parse_script("429, 200, loop"), *[None] * 5) == [429, 200, 429, 200, 429]


def test_a_models_own_script_moves_on_by_its_own_requests_only() -> None:
    """Requests for other models neither use up its steps nor get them."""
    script = parse_script("500, 501; a: 401, 402; b: 403")

    assert statuses(script, "a", "c", "b", None, "a", "b") == [401, 500, 403, 501, 402, 403]


def test_a_scene_without_steps_cannot_be() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        StepSequence(())
