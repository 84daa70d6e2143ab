"""The steps of a mock provider's script, and their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Action(StrEnum):
    """The kinds of behaviour of a step."""

    RESPOND = "respond"  # a whole response of some status; written as the status itself: `429`
    ECHO = "echo"  # 200 with a description of the request as JSON
    SLOW_BODY = "slow_body"  # headers at once, then the body in pieces
    RESET = "reset"  # the request is read, then the connection is reset (RST)
    RESET_MID_HEADERS = "reset_mid_headers"  # reset after half of the status line and headers
    RESET_MID_BODY = "reset_mid_body"  # reset after headers and half of the body
    CLOSE_MID_BODY = "close_mid_body"  # the same, with FIN
    CLOSE = "close"  # the request is read, then the connection is closed (FIN) without a response
    SILENCE = "silence"  # no response, for some seconds (then FIN) or until the client gives up


@dataclass(frozen=True, slots=True)
class Step:
    """The behaviour for one request."""

    action: Action = Action.RESPOND
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()  # added to the response; they replace a header of the same name
    body: str | None = None  # None: a response in the format of the requested API
    delay: float = 0  # seconds before the first byte
    sse: int = 0  # number of streamed events; 0: not streamed
    gap: float = 0.1  # seconds between two events, or before a body breaks off
    sent: int | None = None  # bytes of the body before it breaks off (None: half of it)
    chunked: bool = False  # without content-length
    seconds: float | None = None  # length of a silence (None: no end) or of a slow body

    @property
    def name(self) -> str:
        """The step's first word in a script."""
        return str(self.status) if self.action is Action.RESPOND else str(self.action)


@dataclass(frozen=True, slots=True)
class StepSequence:
    """Steps in order, one for each request; then the last one repeats, or all of them."""

    steps: tuple[Step, ...]
    loop: bool = False

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a sequence needs at least one step")

    def step(self, number: int) -> Step:
        """Return the step for request *number*; 0 is the first."""
        return self.steps[number % len(self.steps) if self.loop else min(number, len(self.steps) - 1)]


@dataclass(frozen=True, slots=True)
class Script:
    """A provider's script: the steps for all requests, and other ones for some models."""

    sequence: StepSequence = field(default_factory=lambda: StepSequence((Step(),)))
    by_model: Mapping[str, StepSequence] = field(default_factory=lambda: MappingProxyType({}))


class ScriptPosition:
    """The position of a provider in its script. Mutable: each request advances its sequence by one step."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._played: dict[str | None, int] = {}

    def next_step(self, model: str | None) -> Step:
        """Return the step for a request for *model*, and advance."""
        sequence = None if model is None else self._script.by_model.get(model)
        key = None if sequence is None else model
        number = self._played.get(key, 0)
        self._played[key] = number + 1
        return (sequence or self._script.sequence).step(number)
