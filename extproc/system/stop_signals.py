"""Running something until this process is asked to stop."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequests:
    """Ctrl-C and SIGTERM, one by one, instead of their usual effect; to be made in a running loop.

    Mutable: it takes over the signals of the process.
    """

    def __init__(self) -> None:
        self._arrived = asyncio.Semaphore(0)

    @classmethod
    def taken_over(cls) -> Self:
        """Return the requests of this process from now on."""
        requests = cls()
        for number in _STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, requests._arrived.release)
        return requests

    async def next(self) -> None:
        """Return when we are asked to stop, once for each time."""
        await self._arrived.acquire()

    async def cut_short(self, work: Coroutine[None, None, None]) -> bool:
        """Do *work* until it is done or we are asked to stop; tell whether we were."""
        task, asked = asyncio.ensure_future(work), asyncio.ensure_future(self.next())
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        cut_short = not task.done()
        for one in (task, asked):
            one.cancel()
        await asyncio.wait({task, asked})
        if not task.cancelled():
            task.result()
        return cut_short
