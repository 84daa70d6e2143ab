"""`make fuzz`: as many messages as you like, from the seed that you like."""

from __future__ import annotations

import secrets
import sys
import time
from typing import TYPE_CHECKING

import click
from fuzz.campaign import run
from fuzz.footprint import footprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fuzz.campaign import Report

_EVERY = 15.0  # seconds


class _Progress:
    """Says now and then how far a run is. Mutable: remembers when it last did."""

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._began = self._last = time.monotonic()

    def __call__(self, report: Report) -> None:
        """Say it, if it is time."""
        now = time.monotonic()
        if now >= self._last + _EVERY:
            self._last = now
            share = f"{report.messages:,} of {self._messages:,} messages, {sum(report.streams.values()):,} streams"
            memory = " and ".join(f"{footprint(pid).pss / 2**20:.1f}" for pid in report.workers)
            click.echo(f"{now - self._began:5.0f} s  {share}, workers of {memory} MiB, {len(report.faults)} faults")


@click.command()
@click.option("--messages", default=100_000, show_default=True, help="How many to send.")
@click.option("--seed", type=int, help="Seed of all random numbers.  [default: another one each time]")
@click.option("--stream", type=int, help="Have the conversation of this number only.")
def main(*, messages: int, seed: int | None, stream: int | None) -> None:
    """Fuzz a sidecar, and tell what came of it; fails when anything was found."""
    if seed is None:
        seed = secrets.randbelow(2**32)
    click.echo(f"seed {seed}")
    report = run(seed, messages, only=stream, tell=_Progress(messages))
    for line in summary(report):
        click.echo(line)
    sys.exit(1 if report.faults else 0)


def summary(report: Report) -> Iterator[str]:
    """Yield the figures of *report*, and what was found."""
    sent = f"{report.messages:,} messages in {sum(report.streams.values()):,} streams in {report.seconds:,.0f} s"
    yield f"{sent}; {report.answers:,} answers; {report.strangers:,} connections without gRPC"
    yield from _table("streams by kind and end", {" ".join(key): count for key, count in report.streams.items()})
    yield from _table("log lines by event", report.events)
    yield from _table("refusals by reason", report.refused)
    waits = report.witnessed or (0.0,)
    half, most = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    yield f"witness: {len(report.witnessed):,} conversations as they must be; seconds each: median {half:.3f},"
    yield f"         99 in 100 within {most:.3f}, the longest {waits[-1]:.3f}"
    for number, (before, after) in enumerate(zip(report.before, report.after, strict=True)):
        warm = report.warm[number] if report.warm else before
        yield f"worker {number}: {before} before; {warm} when warm; {after} after"
    yield f"gone {report.drained:.1f} s after SIGTERM"
    for fault, count in report.faults.most_common(50):
        yield f"FOUND {count} x {fault}"
        if fault in report.first_seen:
            yield f"  make fuzz SEED={report.seed} STREAM={report.first_seen[fault]}"


def _table(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    yield f"{title}:"
    for name, count in sorted(counts.items()):
        yield f"  {count:9,}  {name}"


if __name__ == "__main__":
    main()
