"""What an attempt waits for, and what it cannot follow."""

from __future__ import annotations

from enum import Enum


class OutOfTurnError(Exception):
    """Envoy told us something that cannot come now; the stream is of no use any more."""


class Phase(Enum):
    """What an attempt waits for."""

    REQUEST_HEADERS = "request headers"
    REQUEST_BODY = "request body"
    ANSWER = "answer"
    ANSWER_BODY = "body of the answer"
    END = "end of stream"
