"""Timeouts and retries of Envoy towards the sidecar, in a module without Envoy's message classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.policy.units import Millis

MARGIN: Millis = 10_000
"""By how much ext_proc's message timeout exceeds the longest delay: the time that a busy sidecar may need."""

NO_WORKER_RETRY_WINDOW: Millis = 4_500
"""How long a request without a worker is retried: the replacement of a worker takes less, and the limit is 5 s."""

NO_WORKER_RETRIES = 100
"""Re-dispatches on top of those of the policies: they last longer than the window."""

MAX_UNKNOWN_CALLS = 2
"""How many unprocessed responses without an attempt state are retried."""
