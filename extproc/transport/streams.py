"""How many streams are in flight, and whether more are accepted."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class Streams:
    """The streams that are being served; mutable, for one event loop.

    gRPC's own graceful stop would do for these, but it also waits for every health watcher, which never ends by
    itself, and it refuses health checks, so that Envoy could not see that this worker is draining.
    """

    def __init__(self) -> None:
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.accepting = True
        """Whether new streams are accepted."""

    @property
    def count(self) -> int:
        """How many are being served."""
        return self._in_flight

    @contextmanager
    def track(self) -> Generator[None]:
        """Count a stream while it is served."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Count one stream more; `leave` must follow."""
        self._in_flight += 1
        self._idle.clear()

    def leave(self) -> None:
        """Count one stream less."""
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    async def wait_idle(self) -> None:
        """Return when no stream is in flight."""
        await self._idle.wait()
