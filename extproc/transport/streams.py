"""How many streams are under way, and whether more may begin."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class Streams:
    """The streams that are being served; mutable, for one event loop.

    gRPC's own graceful stop would do for these, but it also waits for every health watcher, who never goes away by
    itself, and it hangs up on health checks, so that nobody could see that this worker is going.
    """

    def __init__(self) -> None:
        self._under_way = 0
        self._nobody = asyncio.Event()
        self._nobody.set()
        self.welcome = True
        """Whether a new stream may begin."""

    @property
    def count(self) -> int:
        """How many are being served."""
        return self._under_way

    @contextmanager
    def one_more(self) -> Generator[None]:
        """Count a stream for as long as it is served."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Count one stream more; `leave` must follow."""
        self._under_way += 1
        self._nobody.clear()

    def leave(self) -> None:
        """Count one stream less."""
        self._under_way -= 1
        if not self._under_way:
            self._nobody.set()

    async def last_one_gone(self) -> None:
        """Return when no stream is under way."""
        await self._nobody.wait()
