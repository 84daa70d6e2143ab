from __future__ import annotations

import asyncio
from functools import partial
from itertools import count

import pytest
from support.waiting import NotInTimeError, eventually, eventually_sync

SOON = 0.05


def test_what_becomes_true_is_waited_for() -> None:
    looks = count()

    eventually_sync(lambda: next(looks) == 3)

    assert next(looks) == 4


@pytest.mark.asyncio
async def test_a_condition_may_be_awaited() -> None:
    looks = count()

    async def third() -> bool:
        await asyncio.sleep(0)
        return next(looks) == 3

    await eventually(third)

    assert next(looks) == 4


def test_what_never_becomes_true_fails_and_says_what_it_was() -> None:
    with pytest.raises(NotInTimeError, match=r"not within 0\.05 s: a worker\nits log"):
        eventually_sync(lambda: False, what=lambda: "a worker\nits log", within=SOON)
    with pytest.raises(NotInTimeError, match="1 > 2"):
        eventually_sync(lambda: 1 > 2, within=SOON)  # noqa: PLR0133 -- its source is to be told
    with pytest.raises(NotInTimeError, match="partial"):
        eventually_sync(partial(bool, 0), within=SOON)


@pytest.mark.asyncio
async def test_nor_is_a_condition_waited_for_that_hangs_itself() -> None:
    async def hangs() -> bool:
        await asyncio.Event().wait()
        return True

    with pytest.raises(NotInTimeError, match=r"not within 0\.05 s: an answer"):
        await eventually(hangs, what="an answer", within=SOON)
