"""Whether the sidecar is shown what it judges by, and not more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.checks.ext_proc import ours
from extproc.doctor.finding import error, warning
from extproc.doctor.model.filters import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.filters import Phases


def phases(case: Case) -> Iterator[Flaw]:
    """Find phases of requests and answers that the sidecar is not shown as it must be."""
    for one in ours(case):
        yield from _wrong(one.phases)


def _wrong(shown: Phases) -> Iterator[Flaw]:
    if shown.request_headers is Mode.SKIP:
        yield error(
            f"{shown.place}.request_header_mode",
            f"{shown.request_headers}: the headers have gone on before the sidecar names a cluster",
            "Set request_header_mode to SEND.",
        )
    if shown.request_body is not Mode.BUFFERED:
        yield error(
            f"{shown.place}.request_body_mode",
            f"{shown.request_body}: the sidecar does not get the whole body at once, which names the model",
            "Set request_body_mode to BUFFERED.",
        )
    if shown.response_headers is Mode.SKIP:
        yield error(
            f"{shown.place}.response_header_mode",
            f"{shown.response_headers}: no answer is judged, so none is ever tried again",
            "Set response_header_mode to SEND.",
        )
    if shown.response_body is not Mode.NONE:
        yield error(
            f"{shown.place}.response_body_mode",
            f"{shown.response_body}: every answer's body goes through the sidecar, and streamed events arrive late",
            "Set response_body_mode to NONE.",
        )
    if shown.response_trailers is not Mode.SEND:
        yield warning(
            f"{shown.place}.response_trailer_mode",
            "before Envoy 1.40 the sidecar cannot measure how long an answer takes in all",
            "Set response_trailer_mode to SEND.",
        )
