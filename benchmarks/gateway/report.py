"""Figures of several rounds, and whether they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.load import Load

STEADY = 0.35
"""By how much of its median the processor time of one contender may spread (second lowest to second highest round)."""


@dataclass(slots=True)
class Rounds:
    """What one contender did in one setting; grows by a round at a time. *cpu* is microseconds a request."""

    cpu: list[float] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)

    @property
    def spread(self) -> float:
        """How far apart the rounds are: the range without the lowest and the highest, by the median."""
        inner = sorted(self.cpu)[1:-1] if len(self.cpu) > 4 else sorted(self.cpu)
        return (inner[-1] - inner[0]) / median(self.cpu)

    @property
    def failed(self) -> int:
        """Requests that were not answered with a 2xx."""
        return sum(load.failed for load in self.loads)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is asked: bytes of prompt, which model, how many clients at once."""

    size: int
    path: str
    clients: int

    def __str__(self) -> str:
        return f"{self.size // 1000} KB, {self.path}, {self.clients} clients"


def table(results: dict[tuple[Setting, str], Rounds], names: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a Markdown table: medians, and the processor time by that of the first of *names*."""
    yield "| setting | | CPU per request | ratio | requests/s | p50 | p99 |"
    yield "|---|---|---|---|---|---|---|"
    for setting in dict.fromkeys(setting for setting, _ in results):
        first = median(results[setting, names[0]].cpu)
        for name in names:
            rounds = results.get((setting, name))
            if rounds is None:
                continue
            cpu = median(rounds.cpu)
            per_second, p50, p99 = (
                median(getattr(load, figure) for load in rounds.loads) for figure in ("per_second", "p50", "p99")
            )
            yield (
                f"| {setting} | {name} | {cpu:,.0f} µs | {cpu / first:.2f} | {per_second:,.0f} | {p50:.2f} ms | "
                f"{p99:.2f} ms |"
            )


def doubts(results: dict[tuple[Setting, str], Rounds]) -> Iterator[str]:
    """Yield what speaks against the figures."""
    for (setting, name), rounds in results.items():
        if rounds.failed:
            yield f"{setting}, {name}: {rounds.failed} requests failed"
        if rounds.spread > STEADY:
            yield f"{setting}, {name}: the rounds differ by {rounds.spread:.0%}"
