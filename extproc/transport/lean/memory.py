"""How much of other people's data a worker holds before it has a whole message."""

from __future__ import annotations

from typing import Final

_AT_LEAST: Final = 2**30
_MESSAGES: Final = 16


class Memory:
    """Counts bytes of messages that are not complete, over all connections; mutable, one a server.

    *largest_message* is in bytes. Windows cannot bound the sum: a message is only read once it is complete, so holding
    back the window of all would stop each of them short of that.
    """

    __slots__ = ("held", "largest_message", "limit")

    def __init__(self, largest_message: int) -> None:
        self.largest_message = largest_message
        self.limit = max(_AT_LEAST, _MESSAGES * largest_message)
        self.held = 0

    @property
    def is_full(self) -> bool:
        """Whether more is held than may be."""
        return self.held > self.limit
