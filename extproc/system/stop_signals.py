"""Running a coroutine until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequests:
    """SIGINT and SIGTERM as awaitable requests, one by one; to be made in a running event loop.

    Mutable: installs signal handlers for the process.
    """

    def __init__(self) -> None:
        self._arrived = asyncio.Semaphore(0)

    @classmethod
    def installed(cls) -> Self:
        """Install the handlers and return the requests of this process from now on."""
        requests = cls()
        for number in _STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, requests._arrived.release)
        return requests

    async def next(self) -> None:
        """Return at the next request to stop, once for each request."""
        await self._arrived.acquire()

    async def run_until_stopped(self, work: Coroutine[None, None, None]) -> bool:
        """Run *work* until it is done or a request to stop arrives; return whether one cancelled it."""
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self.next())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        cancelled = not task.done()
        for one in (task, stop):
            one.cancel()
        await asyncio.wait({task, stop})
        if not task.cancelled():
            task.result()
        return cancelled
