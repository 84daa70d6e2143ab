"""The state of a mock provider: its name, its position in the script, and its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.mock.record import Log
from extproc.mock.step import ScriptPosition

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.mock.record import Call
    from extproc.mock.step import Script


class ProviderState:
    """The state of one mock provider, shared by its connections. Mutable: its script can be replaced."""

    def __init__(self, script: Script, *, name: str, observe: Callable[[Call], None] | None = None) -> None:
        self.name = name
        self.position = ScriptPosition(script)
        self.log = Log()
        self._observe = observe

    def play(self, script: Script) -> None:
        """Start *script*, and clear the calls."""
        self.position = ScriptPosition(script)
        self.log = Log()

    def record(self, call: Call) -> None:
        """Record *call*, and pass it to the observer."""
        self.log.add(call)
        if self._observe is not None:
            self._observe(call)
