"""What a scripted provider does with one request, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Action(StrEnum):
    """The kinds of behaviour a step can show."""

    ANSWER = "answer"  # a whole answer of some status; written as the status itself: `429`
    ECHO = "echo"  # 200 with a description of the request as JSON
    SLOW_BODY = "slow_body"  # headers at once, then the body in pieces
    RESET = "reset"  # the request is read, then the connection is reset (RST)
    RESET_MID_HEADERS = "reset_mid_headers"  # reset after half of the status line and headers
    RESET_MID_BODY = "reset_mid_body"  # reset after headers and half of the body
    CLOSE_MID_BODY = "close_mid_body"  # the same, with FIN
    CLOSE = "close"  # the request is read, then the connection is closed (FIN) without an answer
    SILENCE = "silence"  # no answer, for some seconds (then FIN) or until the client gives up


@dataclass(frozen=True, slots=True)
class Step:
    """What is done with one request."""

    action: Action = Action.ANSWER
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()  # added to the answer; they replace a header of the same name
    body: str | None = None  # None: an answer in the shape of the API that the request's path names
    delay: float = 0  # seconds before the first byte
    sse: int = 0  # number of streamed events; 0: not streamed
    gap: float = 0.1  # seconds between two events, or before a body breaks off
    sent: int | None = None  # bytes of the body before it breaks off (None: half of it)
    chunked: bool = False  # the length is not told in advance
    seconds: float | None = None  # length of a silence (None: no end) or of a slow body

    @property
    def name(self) -> str:
        """The step's first word in a script."""
        return str(self.status) if self.action is Action.ANSWER else str(self.action)


@dataclass(frozen=True, slots=True)
class Scene:
    """Steps in order: one for each request; then the last one for ever, or all again."""

    steps: tuple[Step, ...]
    loop: bool = False

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a scene needs at least one step")

    def step(self, number: int) -> Step:
        """Return the step for request *number*; 0 is the first."""
        return self.steps[number % len(self.steps) if self.loop else min(number, len(self.steps) - 1)]


@dataclass(frozen=True, slots=True)
class Script:
    """A provider's whole part: one scene for everyone, and scenes of their own for some models."""

    scene: Scene = field(default_factory=lambda: Scene((Step(),)))
    by_model: Mapping[str, Scene] = field(default_factory=lambda: MappingProxyType({}))


class Player:
    """Where a provider is in its script. Mutable: each request moves its scene on by one step."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._played: dict[str | None, int] = {}

    def next_step(self, model: str | None) -> Step:
        """Return what to do with a request for *model*, and move on."""
        scene = None if model is None else self._script.by_model.get(model)
        key = None if scene is None else model
        number = self._played.get(key, 0)
        self._played[key] = number + 1
        return (scene or self._script.scene).step(number)
