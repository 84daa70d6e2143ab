"""The phases of an attempt: which events can come next."""

from __future__ import annotations

from enum import Enum


class UnexpectedEventError(Exception):
    """An event that cannot come in this phase; the stream is of no use any more."""


class Phase(Enum):
    """What an attempt waits for."""

    REQUEST_HEADERS = "request headers"
    REQUEST_BODY = "request body"
    RESPONSE_HEADERS = "response headers"
    RESPONSE_BODY = "response body"
    END = "end of stream"
