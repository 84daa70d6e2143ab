"""What playing a step needs of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import h11

    from extproc.mock.answers import Answer


class Wire(Protocol):
    """The side of a connection that writes."""

    async def send(self, event: h11.Event) -> None:
        """Send *event*, and wait until the client keeps up."""

    async def send_half(self, event: h11.Event) -> None:
        """Send the first half of the bytes that *event* is."""

    async def send_answer(self, answer: Answer, *, to: str) -> None:
        """Send a whole answer to a request of method *to*."""

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
