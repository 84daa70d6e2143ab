"""Large messages, one at a time: in between, all other streams are served."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_READING: Final = 0.02
"""Seconds for which what is still coming is read first, at the most."""


class LargeMessages:
    """The large messages of all connections of a worker that wait for their turn; mutable.

    Envoy drops a worker that does not acknowledge its pings within a second or so, and all its streams with it,
    and a ping stands behind the data that was sent before it. So large messages are not looked at where they are read:
    first all that has come is read, then one of them is processed, and so on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._data_came = False
        self._since = 0.0

    def data_came(self) -> None:
        """Record that something was read."""
        self._data_came = True

    def add(self, process: Callable[[], None]) -> None:
        """Call *process* when those before it are done."""
        self._waiting.append(process)
        if len(self._waiting) == 1:
            self._since = self._loop.time()
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        now = self._loop.time()
        if self._data_came and now - self._since < _READING:
            self._data_came = False
            self._loop.call_soon(self._next)  # the loop reads before it comes back to this
            return
        self._waiting[0]()
        self._waiting.popleft()
        if self._waiting:
            self._data_came, self._since = False, self._loop.time()
            self._loop.call_soon(self._next)
