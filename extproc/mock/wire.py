"""The interface of a connection for playing a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import h11

    from extproc.mock.http_response import Response


class Wire(Protocol):
    """The side of a connection that writes."""

    async def send(self, event: h11.Event) -> None:
        """Send *event*, and wait while the send buffer is full."""

    async def send_half(self, event: h11.Event) -> None:
        """Send the first half of the bytes of *event*."""

    async def send_response(self, response: Response, *, to: str) -> None:
        """Send a whole response to a request of method *to*."""

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
