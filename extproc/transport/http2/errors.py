"""What ends a connection."""

from __future__ import annotations


class Http2Error(Exception):
    """The peer broke the rules of the connection (RFC 9113 section 5.4.1); *code* goes into GOAWAY."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
