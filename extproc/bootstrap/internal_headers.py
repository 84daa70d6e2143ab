"""Removal of internal headers at the four trust boundaries.

From the client, before Envoy itself reads them; to the client; to a provider; from a provider. It does not depend on
the sidecar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation, HeaderMutationRemoveOnMatch
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutation as HeaderMutationFilter
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import Mutations
from envoy_data_plane.envoy.extensions.http.early_header_mutation.header_mutation.v3 import (
    HeaderMutation as EarlyHeaderMutation,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher

from extproc import names
from extproc.bootstrap.proto import extension, http_filter

if TYPE_CHECKING:
    from envoy_data_plane.envoy.config.core.v3 import TypedExtensionConfig
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

NOT_FOR_CLIENTS = (names.STATE, names.UNPROCESSED, names.IN_FLIGHT, names.LOST)
"""Headers of the attempt listener's responses that the edge removes; the re-dispatch header is removed elsewhere, and
`x-extproc-model` and `x-extproc-attempts` are for the client."""

ENVOY_PREFIX = "x-envoy-"
OWN_PREFIX = "x-extproc-"
CORS_PREFIX = "access-control-"
"""The operator decides which web pages may read a response: some providers allow every page."""


def from_client() -> TypedExtensionConfig:
    """Return the early header mutation that removes a client's internal headers before Envoy or a filter reads them.

    `x-envoy-retry-on`, `-max-retries`, `-upstream-rq-timeout-ms` and the like would otherwise control the router. Not
    the whole prefix `x-arch-`: clients may send the hint.
    """
    return extension(
        "envoy.http.early_header_mutation.header_mutation",
        EarlyHeaderMutation(
            mutations=[_drop_prefix(ENVOY_PREFIX), _drop_prefix(OWN_PREFIX), HeaderMutation(remove=names.CLUSTER)]
        ),
    )


def at_provider() -> HttpFilter:
    """Return the upstream HTTP filter that removes internal headers to and from a provider.

    It is between the attempt listener's router and every provider cluster: after the router on the request path, before
    router and ext_proc on the response path. A provider's
    `x-envoy-overloaded` would prevent a failover, its `x-extproc-redispatch` would cause one.
    """
    prefixes = [_drop_prefix(prefix) for prefix in names.INTERNAL_PREFIXES]
    return http_filter(
        "envoy.filters.http.header_mutation",
        HeaderMutationFilter(
            mutations=Mutations(
                request_mutations=[*prefixes, HeaderMutation(remove="x-forwarded-proto")],
                response_mutations=[*prefixes, _drop_prefix(CORS_PREFIX)],
            )
        ),
    )


def _drop_prefix(prefix: str) -> HeaderMutation:
    return HeaderMutation(remove_on_match=HeaderMutationRemoveOnMatch(key_matcher=StringMatcher(prefix=prefix)))
