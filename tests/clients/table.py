"""The results as a page of the documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clients.catalog import Speaks
from clients.trial import CALLS_A_REQUEST, DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clients.catalog import Client
    from clients.trial import Measured

LONGEST = 240
"""Characters of what a user reads; the rest is cut off."""

_COLUMNS = (
    "client",
    "package",
    "base URL",
    "first provider rate-limited",
    "all down: requests / provider calls / time",
    "own retries are stopped by",
    "all down then",
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Row:
    """All that was measured of one client."""

    client: Client
    version: str
    measured_with: str  # Envoy and the like
    limited: Measured
    down: Measured
    down_off: Measured | None  # None: they cannot be stopped, or there are none

    @property
    def faults(self) -> tuple[str, ...]:
        """What must not be, in words; nothing when all is well."""
        found = [] if self.limited.answered else [f"no response of the second provider: {shortened(self.limited.said)}"]
        found += [
            f"{measured.calls} provider calls for {measured.requests} requests"
            for measured in (self.limited, self.down, self.down_off)
            if measured is not None and measured.amplified
        ]
        return tuple(found)


def page(rows: Sequence[Row]) -> str:
    """Return the page about *rows*."""
    return "\n".join(_lines(rows))


def results(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table of what was counted."""
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{'---|' * len(_COLUMNS)}"
    for row in rows:
        cells = [
            row.client.name,
            f"`{row.client.package}` {row.version}",
            f"`http://127.0.0.1:12000{row.client.path}`",
            "success" if row.limited.answered else "**failure**",
            _counts(row.down),
            row.client.off,
            _counts(row.down_off) if row.down_off else "the same",
        ]
        yield f"| {' | '.join(cells)} |"


def shortened(said: str) -> str:
    """Return *said* on one line, without what differs from run to run, and not too long."""
    line = _UUID.sub("…", " ".join(said.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rsplit(maxsplit=1)[0]}…"  # no half a word


def _counts(measured: Measured) -> str:
    least = "" if measured.in_time else "> "
    return f"{least}{measured.requests} / {measured.calls} / {measured.seconds:.1f} s"


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    yield f"""\
# Clients, and their own retries

Made by `make test-clients`, which tests each client with a real gateway; the results are reproducible. Measured with
{"; ".join(dict.fromkeys(row.measured_with for row in rows))}.

Most clients retry by themselves when a provider fails. The gateway does that already, with other providers, so that a
client's own retries on top only take time and cost more calls. The gateway's last response has `x-should-retry: false`,
which some clients respect; the others have a setting. A client that waits for the time in `Retry-After`, as most of the
others do, is served by a new attempt; one that retries sooner gets the same error without a provider call.

*First provider rate-limited*: it returns 429, the second one 200. *All down*: both return 503; counted are the requests
that the client sends to the gateway for one prompt, the provider calls that these cause (the policy allows
{CALLS_A_REQUEST} for each request), and the seconds until the user reads the error. A client that is still trying after
{DEADLINE} s is stopped; that is marked `>`. The seconds are those of a busy machine; the counts are exact, except for
clients that retry at about the time when the gateway serves them again (aider).
"""
    yield from results(rows)
    yield "\nWhat users read when all providers are down, shortened:\n"
    yield "| client | message |"
    yield "|---|---|"
    for row in rows:
        said = shortened((row.down if row.down.in_time or row.down_off is None else row.down_off).said)
        yield f"| {row.client.name} | {_as_code(said)} |"
    yield "\nNotes:\n"
    for row in rows:
        if row.client.note:
            yield f"- {row.client.name}: {row.client.note}"
    messages = ", ".join(row.client.name for row in rows if row.client.apis is Speaks.MESSAGES)
    if messages:
        yield f"- A fallback must support the API of the request: Anthropic's Messages API for {messages}."
    yield ""


def _as_code(text: str) -> str:
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`"
