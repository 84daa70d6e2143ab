"""What an hour came to, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.policy.decision import Deliver, Exhausted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulation.providers import Provider
    from support.policy.journeys import Journey

    from extproc.policy.units import Millis


@dataclass(frozen=True, slots=True)
class Report:
    """The requests of an hour, and the providers that were there."""

    name: str
    journeys: Sequence[Journey]
    providers: Mapping[str, Provider]

    @property
    def availability(self) -> float:
        """The share of requests that got the response they asked for."""
        return sum(is_served(journey) for journey in self.journeys) / len(self.journeys)

    @property
    def calls(self) -> Counter[int]:
        """How many requests took so many calls."""
        return Counter(len(journey.calls) for journey in self.journeys)

    @property
    def calls_per_request(self) -> float:
        """Return the mean."""
        return sum(times * number for times, number in self.calls.items()) / len(self.journeys)

    @property
    def waits(self) -> list[Millis]:
        """How long each request was held back by us, in order of length."""
        return sorted(sum(journey.waits) for journey in self.journeys)

    def __str__(self) -> str:
        waits, asked = self.waits, len(self.journeys)
        quantiles = [f"p{share:g} {waits[int(asked * share / 100)]} ms" for share in (50, 90, 99, 99.9)]
        waited = sum(wait > 0 for wait in waits) / asked
        reasons = Counter(j.decision.reason for j in self.journeys if isinstance(j.decision, Exhausted))
        lines = [
            f"{self.name}: {asked} requests, {self.availability:.3%} served",
            f"  calls a request  {self.calls_per_request:.3f} on average; {spread(self.calls, asked)}",
            f"  wait             {', '.join(quantiles)}, max {waits[-1]} ms; {waited:.1%} waited at all",
            f"  not served       {', '.join(f'{reason} {times}' for reason, times in reasons.items()) or '-'}",
        ]
        for name, provider in self.providers.items():
            reported = ", ".join(f"{label} {number}" for label, number in provider.outcomes.most_common())
            lines.append(f"  {name:16} {provider.outcomes.total()} calls: {reported}")
        return "\n".join(lines)


def is_served(journey: Journey) -> bool:
    """Return whether a request got the response it asked for."""
    return isinstance(journey.decision, Deliver) and journey.replies[-1].outcome.label == "success"


def spread(numbers: Counter[int], of: int) -> str:
    """Return which numbers occur how often."""
    return ", ".join(f"{number}: {times / of:.2%}" for number, times in sorted(numbers.items()))
