"""Waiting for something to become true, with a deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], bool | Awaitable[bool]], *, within: float = 10) -> None:
    """Return as soon as *condition* holds.

    Raises:
        TimeoutError: when it does not within so many seconds.
    """
    async with asyncio.timeout(within):
        # What is waited for happens in other processes, which set no event here.
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.01)
