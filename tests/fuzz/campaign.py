"""A run of the fuzz: a real sidecar, many peers, a witness, and what is found in the end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fuzz.configuration import write
from fuzz.conversations import conversation
from fuzz.footprint import Footprint, footprint
from fuzz.peer import Connection
from fuzz.strangers import visit
from fuzz.verdicts import Log, faults
from fuzz.witness import Witness
from support.gateway.commands import a_home
from support.waiting import DEADLINE, NotInTimeError, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from support.gateway.commands import Home, Running

MORE_MEMORY = 48 * 1024 * 1024
"""Bytes by which a worker may have grown between the end of the warm-up and the end of the run."""

MORE_DESCRIPTORS = 4
"""Files that a worker may have open in the end: the library of our peers may keep the connections of either part."""

DRAINED = 10.0
"""Seconds within which a sidecar that serves nobody must have gone; it would wait for 30 s for a stream."""

_CONNECTIONS, _LANES = 2, 12
"""For each worker, and for each connection: what is under way at once."""

_WARM_UP = 20
"""One part in so many of the messages comes before memory is first looked at."""

_A_STRANGER = 400
"""One in so many streams is followed by a connection that does not speak gRPC at all."""


@dataclass(slots=True)
class Report:
    """What a run came to. Mutable while it lasts."""

    seed: int
    workers: Sequence[int] = ()  # process ids
    streams: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind and status
    messages: int = 0
    answers: int = 0
    strangers: int = 0
    seconds: float = 0.0
    before: Sequence[Footprint] = ()
    warm: Sequence[Footprint] = ()
    after: Sequence[Footprint] = ()
    witnessed: Sequence[float] = ()
    drained: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    first_seen: dict[str, int] = field(default_factory=dict)  # fault to number of stream

    def note(self, fault: str, stream: int | None = None) -> None:
        """Take note of a *fault*, found in *stream*."""
        self.faults[fault] += 1
        if stream is not None:
            self.first_seen.setdefault(fault, stream)


def run(seed: int, messages: int, *, only: int | None = None, tell: Callable[[Report], None] | None = None) -> Report:
    """Send a sidecar so many *messages*, or *only* the stream of that number; *tell* how far it is now and then."""
    report = Report(seed)
    with a_home() as home:
        config = write(home.directory, with_default=seed % 2 == 0)
        with home.running("serve", config, until='"ready"') as sidecar:
            report.workers = home.all_of("extproc-worker")
            asyncio.run(_Run(report, home, tell).all(messages, only))
            if home.all_of("extproc-worker") != report.workers:
                report.note("a worker has died")
            _end(sidecar, report)
        log = Log(sidecar.log)
        report.events, report.refused = log.events, log.refused
        report.faults += log.faults
        home.assert_nothing_is_left()
    return report


def _end(sidecar: Running, report: Report) -> None:
    began = time.monotonic()
    sidecar.process.send_signal(signal.SIGTERM)
    code = sidecar.process.wait(DEADLINE)
    report.drained = time.monotonic() - began
    if code != 0:
        report.note(f"exit code {code}")
    if report.drained > DRAINED:
        report.note(f"streams were left: it took {report.drained:.0f} s to go")


class _Run:
    """The peers of one run. Mutable: counts the streams, and writes the report."""

    def __init__(self, report: Report, home: Home, tell: Callable[[Report], None] | None) -> None:
        self._report = report
        self._addresses = [f"unix:{home.directory}/fuzz.{number}.sock" for number in range(2)]
        self._tell = tell
        self._numbers = itertools.count()

    async def all(self, messages: int, only: int | None) -> None:
        """Have all conversations, with a witness beside them."""
        report, witness, over = self._report, Witness(self._addresses), asyncio.Event()
        watching = asyncio.create_task(witness.watch(over))
        await eventually(lambda: bool(witness.seconds) or watching.done(), within=30)
        report.before = self._footprints()
        began = time.monotonic()
        if only is None:
            await self._peers(messages // _WARM_UP)
            report.warm = await self._settled()
            await self._peers(messages)
        else:
            self._numbers = itertools.count(only)
            await self._share(self._addresses[0], 1, lanes=1)
        report.seconds = time.monotonic() - began
        report.after = await self._settled()
        over.set()
        try:
            await watching
        except (AssertionError, TimeoutError) as error:
            report.note(f"the witness: {type(error).__name__} {error}")
        report.witnessed = sorted(witness.seconds)
        self._compare()

    async def _peers(self, messages: int) -> None:
        """Have conversations until so many *messages* have been sent since the run began."""
        async with asyncio.TaskGroup() as peers:
            for address in self._addresses * _CONNECTIONS:
                peers.create_task(self._share(address, messages, _LANES))

    async def _share(self, address: str, messages: int, lanes: int) -> None:
        async with Connection(address) as connection, asyncio.TaskGroup() as streams:
            for _ in range(lanes):
                streams.create_task(self._lane(connection, address, messages))

    async def _lane(self, connection: Connection, address: str, messages: int) -> None:
        report = self._report
        while report.messages < messages:
            number, now = next(self._numbers), time.time_ns() // 1_000_000
            one = conversation(report.seed, number, now=now)
            heard = await connection.have(one)
            report.messages += heard.sent
            report.answers += len(heard.answers)
            report.streams[one.kind, heard.end] += 1
            for fault in faults(one, heard):
                report.note(f"{one.kind}: {fault}", number)
            if number % _A_STRANGER == 0:
                await visit(address, report.seed, number, now=now)
                report.strangers += 1
            if self._tell is not None:
                self._tell(report)

    async def _settled(self) -> Sequence[Footprint]:
        """Return what the workers hold when they have noticed that the peers have gone, or after a while."""
        with contextlib.suppress(NotInTimeError):
            await eventually(self._peers_are_gone, within=10)
        return self._footprints()

    def _peers_are_gone(self) -> bool:
        """Return whether the workers have the files open that they had when there was nobody but the witness."""
        gc.collect()  # a stream of ours that nobody has cleared away yet keeps its connection open
        before = [worker.descriptors + MORE_DESCRIPTORS for worker in self._report.before]
        return all(now.descriptors <= most for now, most in zip(self._footprints(), before, strict=True))

    def _footprints(self) -> Sequence[Footprint]:
        return [footprint(pid) for pid in self._report.workers]

    def _compare(self) -> None:
        """Take note of what the workers have more than they should."""
        report = self._report
        if not self._peers_are_gone():
            report.note("files are still open")
        for warm, after in zip(report.warm or report.before, report.after, strict=True):
            if after.pss > warm.pss + MORE_MEMORY:
                report.note(f"memory: {warm} when warm, {after} after")
