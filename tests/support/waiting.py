"""Waiting for something to become true, with a deadline: the one way to wait in all tests.

What is waited for happens in other processes, which set no event here; so it is looked at again and again.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PAUSE = 0.01
"""Seconds between one look and the next."""

PATIENCE = 60.0
"""Seconds that anything may take before a test gives up; other suites may run beside this one."""


async def eventually(condition: Callable[[], bool | Awaitable[bool]], *, within: float = 10) -> None:
    """Return as soon as *condition* holds.

    Raises:
        TimeoutError: when it does not within so many seconds.
    """
    async with asyncio.timeout(within):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(_PAUSE)


def wait_until(holds: Callable[[], bool], *, what: str | Callable[[], str], seconds: float = PATIENCE) -> None:
    """Return as soon as *holds*, where no event loop runs; fail with *what* when it has not within *seconds*."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(_PAUSE)
