"""Internal headers end where the inside ends: mutations that drop them at its four doors.

From the client, before Envoy itself reads them; to the client; to a provider; from a provider. Whatever the sidecar
does or fails to do, none passes.
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
"""Headers of the attempt listener's answers that the edge drops; the mark for re-dispatch goes by other means, and
`x-extproc-model` and `x-extproc-attempts` are meant for the client."""

ENVOY_PREFIX = "x-envoy-"
OWN_PREFIX = "x-extproc-"
CORS_PREFIX = "access-control-"
"""Which web pages may read an answer is ours to say: some providers let every page."""


def from_client() -> TypedExtensionConfig:
    """Return what drops a client's internal headers before Envoy or a filter has looked at any.

    `x-envoy-retry-on`, `-max-retries`, `-upstream-rq-timeout-ms` and the like would otherwise steer the router. Not
    the whole prefix `x-arch-`: the hint is the client's to send.
    """
    return extension(
        "envoy.http.early_header_mutation.header_mutation",
        EarlyHeaderMutation(
            mutations=[_drop_prefix(ENVOY_PREFIX), _drop_prefix(OWN_PREFIX), HeaderMutation(remove=names.CLUSTER)]
        ),
    )


def at_provider() -> HttpFilter:
    """Return the upstream HTTP filter that keeps internal headers from a provider, and a provider's from us.

    It stands between the attempt listener's router and every provider cluster: after the router has read and added
    what it wants on the way out, before router and ext_proc see anything on the way back. A provider's
    `x-envoy-overloaded` would stop a failover, its `x-extproc-redispatch` would cause one.
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
