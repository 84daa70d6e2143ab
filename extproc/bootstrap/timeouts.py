"""How long Envoy puts up with a sidecar that says nothing, or is not there. Known without Envoy's message classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.policy.units import Millis

MARGIN: Millis = 10_000
"""By how much ext_proc's patience exceeds the longest hold: what a busy sidecar may need on top."""

NO_WORKER_RETRY_WINDOW: Millis = 4_500
"""How long a request that meets no worker is tried again: a restart takes less, and 5 s are not to be exceeded."""

NO_WORKER_RETRIES = 100
"""Re-dispatches on top of what the policies may ask for: they last for longer than that."""

MAX_UNKNOWN_CALLS = 2
"""Responses of one request that are tried again though nobody has decided on them, nor said what the attempt was."""
