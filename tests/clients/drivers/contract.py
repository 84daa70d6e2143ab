"""What every Python driver does: `driver.py ADDRESS MODEL default|off` prints one JSON line.

`{"ok": true, "text": …}` is an answer, `{"ok": false, "error": …}` what its user would read; both with `seconds`, the
time of the request alone. `off` asks for the client without retries of its own.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "unused"
PROMPT = "Say hello."


@dataclass(frozen=True)
class Asked:
    """What a driver is to do."""

    address: str  # what the client takes for its base URL
    model: str
    off: bool  # no retries of the client's own


def run(ask: Callable[[Asked], str | None]) -> None:
    """Do it, once, and print what came of it."""
    address, model, retries = sys.argv[1:]
    began = time.monotonic()
    try:
        outcome: dict[str, object] = {"ok": True, "text": ask(Asked(address, model, retries == "off"))}
    except Exception as error:  # noqa: BLE001 whatever the client raises is what its user reads
        outcome = {"ok": False, "error": str(error) or type(error).__name__}
    print(json.dumps({**outcome, "seconds": time.monotonic() - began}), flush=True)  # noqa: T201
