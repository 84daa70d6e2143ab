from __future__ import annotations

import asyncio

import pytest

from extproc.transport.streams import Streams


@pytest.mark.asyncio
async def test_without_streams_there_is_nothing_to_wait_for() -> None:
    """A server that serves nothing can go at once."""
    await asyncio.wait_for(Streams().wait_idle(), timeout=1)


@pytest.mark.asyncio
async def test_the_last_one_is_waited_for() -> None:
    """Not the first one, and an error is an end too."""
    streams = Streams()
    with streams.track():
        with pytest.raises(KeyError), streams.track():
            raise KeyError
        waiting = asyncio.create_task(streams.wait_idle())
        await asyncio.sleep(0)

        assert not waiting.done()

    await asyncio.wait_for(waiting, timeout=1)
