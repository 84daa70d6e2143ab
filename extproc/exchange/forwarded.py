"""The headers that the sidecar looks at: Envoy need show it no others.

Envoy has one list for requests and responses. What is not on it reaches the provider, or the client, all the same; it
costs nothing on the way to the sidecar, and what it says of a client stays in Envoy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extproc import names
from extproc.exchange.headers import OF_THESE_BYTES, UNWANTED
from extproc.exchange.retry_after import PREFIXES as OF_WAITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.policy.rules import Policy

FORWARDED: Final = (
    ":method",
    ":path",
    ":status",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "x-request-id",
    "x-should-retry",
    *sorted(UNWANTED | OF_THESE_BYTES),
)
"""The names of all of them, but for those below and what the policies name."""

FORWARDED_PREFIXES: Final = (*names.INTERNAL_PREFIXES, *OF_WAITS)
"""What the names of others begin with."""


def named_by(policies: Iterable[Policy]) -> tuple[str, ...]:
    """Return the names of headers that a request is looked through for because of its policy."""
    return tuple(sorted({policy.idempotency_header.lower() for policy in policies if policy.idempotency_header}))
