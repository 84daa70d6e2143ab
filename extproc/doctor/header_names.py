"""Headers of our own, and those that the sidecar sets and removes: by having it rewrite a request for every target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.exchange.headers import OF_THESE_BYTES, request_changes, unwanted_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.config.gateway import Gateway
    from extproc.exchange.headers import HeaderChanges

ON_RESPONSES = (
    *(names.REDISPATCH, names.STATE, names.UNPROCESSED, names.MODEL, names.ATTEMPTS),
    *("content-type", "accept-encoding", "request-id", "x-request-id", "retry-after", "x-should-retry"),
)
"""Set on a provider's response, or on one of the sidecar's own, to which Envoy applies the same rules."""


def own_names() -> tuple[str, ...]:
    """Return all headers that the sidecar and Envoy have between them."""
    prefixes = tuple(prefix for prefix in names.INTERNAL_PREFIXES if prefix != "x-envoy-")
    return tuple(value for value in vars(names).values() if isinstance(value, str) and value.startswith(prefixes))


def mutated_headers(gateway: Gateway) -> tuple[str, ...]:
    """Return the names of all headers that the sidecar sets or removes for *gateway*, those it sets first."""
    changes = list(_of_requests(gateway))
    given = (name for one in changes for name, _ in one.set_headers)
    removed = (name for one in changes for name in one.remove_headers)
    return tuple(dict.fromkeys((*given, *_idempotency(gateway), *ON_RESPONSES, *removed)))


def _of_requests(gateway: Gateway) -> Iterator[HeaderChanges]:
    """Yield what becomes of a request that has every header which may have to go, for every target and API."""
    for target in (*gateway.catalog.targets.values(), *gateway.catalog.wildcards.values()):
        upstream = gateway.upstreams.of(target)
        client = dict.fromkeys((*unwanted_headers(upstream), *OF_THESE_BYTES, "content-encoding"), "x")
        for api in target.apis:
            yield request_changes(
                client, upstream=upstream, api=api, path="/", body_length=1, decoded=True, time_limit=1
            )


def _idempotency(gateway: Gateway) -> Iterator[str]:
    for policy in gateway.catalog.policies.values():
        if policy.idempotency_header is not None:
            yield policy.idempotency_header.lower()
