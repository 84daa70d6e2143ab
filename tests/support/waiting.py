"""Waiting for something to become true, with a deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


async def eventually(condition: Callable[[], bool], *, within: float = 5) -> None:
    """Return as soon as *condition* holds.

    Raises:
        TimeoutError: when it does not within so many seconds.
    """
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other processes, which set no event
            await asyncio.sleep(0.01)
