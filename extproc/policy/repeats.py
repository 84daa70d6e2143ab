"""Requests that have just been exhausted: trying all targets again a moment later would multiply the calls."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from extproc.policy.decision import StopReason
from extproc.policy.units import Instant
from extproc.value import value

if TYPE_CHECKING:
    from extproc.policy.decision import Exhausted
    from extproc.policy.target import TargetId
    from extproc.policy.units import Millis

_MOST: Final = 10_000
"""Failed attempts that are remembered in all, some hundred bytes each."""

_SWEPT: Final = 100
"""Entries looked at for each new one, so that it is quick; each new one has at most half as many failed attempts."""


@value
class Request:
    """What makes two requests the same: primary, *resource* (method and path) and body."""

    primary: TargetId
    resource: str
    body_sha256: bytes

    @property
    def signature(self) -> bytes:
        """A key of a fixed size, whatever the client has sent."""
        parts = (self.primary.encode(errors="surrogatepass"), self.resource.encode(errors="surrogatepass"))
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts) + self.body_sha256).digest()


@value
class _Remembered:
    exhausted: Exhausted
    until: Instant  # from here on targets are tried again
    repeatable: Instant  # its client's Retry-After


class Repeats:
    """The requests that were exhausted just now, by signature; each worker has its own.

    Mutable, and bounded: of more than *most* failed attempts the oldest are forgotten. Not safe for use from several
    threads.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._failures = 0
        self._known: dict[bytes, _Remembered] = {}

    def note(self, request: Request, exhausted: Exhausted, *, window: Millis, now: Instant) -> None:
        """Remember for *window* milliseconds that *request* was exhausted.

        Never for longer than the Retry-After of its response; and not at all where no target was called, which costs
        nothing, or where repeating the request cannot help.
        """
        wait = exhausted.retry_after
        if wait is None or not exhausted.failures or min(wait, window) <= 0:
            return
        signature = request.signature
        self._forget(signature)
        self._known[signature] = _Remembered(exhausted, Instant(now + min(wait, window)), Instant(now + wait))
        self._failures += len(exhausted.failures)
        # The oldest first: what has expired, and what there is no room for.
        for oldest, known in list(islice(self._known.items(), _SWEPT)):
            if known.until <= now or self._failures > self._most:
                self._forget(oldest)

    def recall(self, request: Request, *, now: Instant) -> Exhausted | None:
        """Return the decision on *request* just before, with the wait that is left; None when it is to be served."""
        if not self._known:
            return None
        signature = request.signature
        known = self._known.get(signature)
        if known is None:
            return None
        if known.until <= now:
            self._forget(signature)
            return None
        return replace(known.exhausted, reason=StopReason.REPEATED, default_retry_after=known.repeatable - now)

    def _forget(self, signature: bytes) -> None:
        known = self._known.pop(signature, None)
        if known is not None:
            self._failures -= len(known.exhausted.failures)
