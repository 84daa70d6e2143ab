"""Waiting for something to become true, with a deadline: the one way to wait in all tests.

What is waited for happens in other processes, which set no event here; so it is looked at again and again. The deadline
is there to end a test that has failed: it is generous, as others may use the machine, and no test is about its length.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    What: TypeAlias = "str | Callable[[], str] | None"

_PAUSE = 0.01
"""Seconds between one look and the next."""

DEADLINE = 60.0
"""Seconds that anything may take before a test gives up; other suites may run beside this one."""


class NotInTimeError(AssertionError):
    """What was waited for has not become true within its time."""


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], *, what: What = None, within: float = DEADLINE
) -> None:
    """Return as soon as *condition* holds.

    *what* says what was waited for, or returns that when it has failed; the source of *condition* unless given.

    Raises:
        NotInTimeError: when it does not within so many seconds.
    """
    try:
        async with asyncio.timeout(within):
            while True:
                holds = condition()
                if holds if isinstance(holds, bool) else await holds:
                    return
                await asyncio.sleep(_PAUSE)
    except TimeoutError as error:
        raise _not_in_time(condition, what, within) from error


def eventually_sync(condition: Callable[[], bool], *, what: What = None, within: float = DEADLINE) -> None:
    """Do as `eventually` does, where no event loop runs."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise _not_in_time(condition, what, within)
        time.sleep(_PAUSE)


def _not_in_time(condition: Callable[[], object], what: What, within: float) -> NotInTimeError:
    if what is None:
        what = _source(condition)
    return NotInTimeError(f"not within {within:g} s: {what if isinstance(what, str) else what()}")


def _source(condition: Callable[[], object]) -> str:
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):  # a partial, or a method of something built in
        return repr(condition)
