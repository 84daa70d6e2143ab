"""How long Envoy puts up with a sidecar that says nothing, or is not there. Known without Envoy's message classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.policy.model import Millis

MARGIN: Millis = 10_000
"""By how much ext_proc's patience exceeds the longest hold: what a busy sidecar may need on top."""

BRIDGING_TRIES = 40
"""Re-dispatches on top of what the policies may ask for: while no worker answers, these last about 5 s."""

LAST_TRY = BRIDGING_TRIES - 2
"""After how many tries without a worker it is known that none is coming; there is still one left to act on it."""
