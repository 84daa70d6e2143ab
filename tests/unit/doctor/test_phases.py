"""What the sidecar is shown of requests and responses."""

from __future__ import annotations

import pytest
from support.doctor.patients import ERROR, EXT_PROC, WARNING, an_operator, reported

PHASES = f"{EXT_PROC}.processing_mode"


@pytest.mark.parametrize(
    ("phase", "value"),
    [
        ("request_header_mode", "SKIP"),
        ("request_body_mode", "STREAMED"),
        ("request_body_mode", "NONE"),
        ("request_body_mode", 3),
        ("response_header_mode", "SKIP"),
        ("response_body_mode", "BUFFERED"),
        ("response_body_mode", 1),
    ],
)
def test_a_phase_that_is_shown_otherwise_is_reported(phase: str, value: object) -> None:
    """By the name of its mode, or by its number."""
    assert reported(an_operator().put(f"{PHASES}.{phase}", value)) == [(ERROR, "ext-proc-phases", f"{PHASES}.{phase}")]


def test_without_the_body_no_model_is_known() -> None:
    """It is not sent unless that is asked for."""
    operator = an_operator().drop(f"{PHASES}.request_body_mode")

    assert reported(operator) == [(ERROR, "ext-proc-phases", f"{PHASES}.request_body_mode")]


def test_headers_are_sent_unless_that_is_switched_off() -> None:
    operator = an_operator().put(f"{PHASES}.request_header_mode", "DEFAULT").drop(f"{PHASES}.response_header_mode")

    assert reported(operator) == []


def test_trailers_are_not_sent_unless_they_are_asked_for() -> None:
    """It is a cost: older Envoys end the stream to the sidecar before the response has ended."""
    operator = an_operator().drop(f"{PHASES}.response_trailer_mode")

    assert reported(operator) == [(WARNING, "ext-proc-phases", f"{PHASES}.response_trailer_mode")]
