"""Requests that have just been exhausted: trying all targets again a moment later would multiply the calls."""

from __future__ import annotations

import hashlib
from collections import Counter
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

_MOST_WINDOWS: Final = 8
"""Codex comes thirty times: it has that many of two seconds each, and the targets are called for eight of them."""

_SWEPT: Final = 100
"""Entries looked at for each new one, so that it is quick; each new one has at most half as many failed attempts."""


@value
class Request:
    """What makes two requests the same: primary, *resource* (method and path) and body."""

    primary: TargetId
    resource: str
    body_sha256: bytes
    body_length: int = 0

    @property
    def family(self) -> bytes:
        """A key of a fixed size for all with as long a body: Codex writes one prompt in another order each time."""
        parts = (self.primary.encode(errors="surrogatepass"), self.resource.encode(errors="surrogatepass"))
        digests = b"".join(hashlib.sha256(part).digest() for part in parts)
        return hashlib.sha256(b"%b%d" % (digests, self.body_length)).digest()

    @property
    def signature(self) -> bytes:
        """A key of a fixed size for this one, whatever the client has sent."""
        return self.family + self.body_sha256


@value
class _Row:
    """Requests of one family that were exhausted one after the other, each when its client might come again."""

    times: int
    last: Instant  # when it was counted
    end: Instant  # from here on the next one is the first again


@value
class _Remembered:
    exhausted: Exhausted
    noted: Instant
    window: Millis  # the policy's
    until: Instant  # from here on targets are tried again, whatever is known of them

    def left(self, now: Instant) -> Millis:
        """Return the Retry-After of a repetition: what is left of the one before, then when to look again."""
        repeatable = self.noted + (self.exhausted.retry_after or 0)
        return repeatable - now if repeatable > now else min(self.until - now, self.window)


class Repeats:
    """The requests that were exhausted just now, by signature; each worker has its own.

    Mutable, and bounded: of more than *most* failed attempts the oldest are forgotten. Not safe for use from several
    threads.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._failures = 0
        self._known: dict[bytes, _Remembered] = {}
        self._failed: Counter[TargetId] = Counter()  # how many of these attempts were each target's
        self._rows: dict[bytes, _Row] = {}
        self._served: dict[TargetId, Instant] = {}  # when one of those has last served another request

    def note(self, request: Request, exhausted: Exhausted, *, window: Millis, now: Instant) -> None:
        """Remember for *window* milliseconds that *request* was exhausted.

        Never for longer than a wait that a provider has asked for. Where none has, clients come again as soon as they
        may: from the third time in a row on it is remembered for twice as long each time, up to `_MOST_WINDOWS`. Not at
        all where no target was called, which costs nothing, or where repeating the request cannot help.
        """
        wait = exhausted.retry_after
        if wait is None or not exhausted.failures or min(wait, window) <= 0:
            return
        row = self._row(request.family, window, now)
        windows = 1 if exhausted.is_asked_for else min(2 ** max(0, row.times - 2), _MOST_WINDOWS)
        length = min(wait, window) if windows == 1 else windows * window
        until = Instant(now + length)
        self._rows.pop(request.family, None)
        self._rows[request.family] = replace(row, end=Instant(until + _MOST_WINDOWS * window))
        self._forget(request.signature)
        self._known[request.signature] = _Remembered(exhausted, now, window, until)
        self._failed.update(failure.target for failure in exhausted.failures)
        self._failures += len(exhausted.failures)
        # The oldest first: what has expired, and what there is no room for.
        for oldest, known in list(islice(self._known.items(), _SWEPT)):
            if known.until <= now or self._failures > self._most:
                self._forget(oldest)
        for family, row in list(islice(self._rows.items(), _SWEPT)):
            if row.end <= now or len(self._rows) > self._most:
                del self._rows[family]

    def _row(self, family: bytes, window: Millis, now: Instant) -> _Row:
        """Return the row to which one of *family* that is exhausted now belongs; many at a time count as one."""
        row = self._rows.get(family)
        if row is None or row.end <= now:
            return _Row(1, now, now)
        return row if now < row.last + window else replace(row, times=row.times + 1, last=now)

    def note_served(self, target: TargetId, *, now: Instant) -> None:
        """Record that *target* has just served a request."""
        if target in self._failed:
            self._served[target] = now

    def recall(self, request: Request, *, now: Instant) -> Exhausted | None:
        """Return the decision on *request* just before, with the wait that is left; None when it is to be served.

        It is, when the time is over; and after *window* already when one of its targets serves others again.
        """
        known = self._known.get(request.signature) if self._known else None
        if known is None or known.until <= now:
            return None
        if known.noted + known.window <= now and self._has_recovered(known):
            return None
        return replace(known.exhausted, reason=StopReason.REPEATED, default_retry_after=known.left(now))

    def _has_recovered(self, known: _Remembered) -> bool:
        return any(self._served.get(failure.target, known.noted) > known.noted for failure in known.exhausted.failures)

    def _forget(self, signature: bytes) -> None:
        known = self._known.pop(signature, None)
        if known is None:
            return
        self._failures -= len(known.exhausted.failures)
        for failure in known.exhausted.failures:
            self._failed[failure.target] -= 1
            if not self._failed[failure.target]:
                del self._failed[failure.target]
                self._served.pop(failure.target, None)
