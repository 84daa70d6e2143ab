"""Reading a streamed answer with the time at which each event came."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event, without the blank line that ends it."""

    text: str
    at: float  # seconds on the monotonic clock

    @property
    def data(self) -> str:
        """What follows `data: `."""
        return "".join(line.removeprefix("data: ") for line in self.text.split("\n") if line.startswith("data: "))


async def read_events(response: httpx.Response) -> list[Event]:
    """Return the events of *response*, to its end."""
    events: list[Event] = []
    rest = b""
    async for piece in response.aiter_raw():
        at = time.monotonic()
        *whole, rest = (rest + piece).split(b"\n\n")
        events += [Event(text.decode(), at) for text in whole]
    assert rest == b"", f"the stream ends in the middle of an event: {rest!r}"
    return events


def content_of(events: Sequence[Event]) -> str:
    """Return the text that the chunks of a chat completion make up."""
    chunks = [json.loads(event.data) for event in events if event.data != "[DONE]"]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
