"""What a scripted provider is: its name, its place in the script, and what it has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.mock.record import Log
from extproc.mock.step import Player

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.mock.record import Call
    from extproc.mock.step import Script


class Part:
    """One provider's part in a play, shared by all its connections. Mutable: scripts come and go."""

    def __init__(self, script: Script, *, name: str, observe: Callable[[Call], None] | None = None) -> None:
        self.name = name
        self.player = Player(script)
        self.log = Log()
        self._observe = observe

    def play(self, script: Script) -> None:
        """Begin *script*, and forget all calls so far."""
        self.player = Player(script)
        self.log = Log()

    def saw(self, call: Call) -> None:
        """Record *call*, and tell whoever watches."""
        self.log.add(call)
        if self._observe is not None:
            self._observe(call)
