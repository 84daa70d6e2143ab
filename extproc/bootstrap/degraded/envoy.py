"""The routes and filters of the fail-open mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.core.v3 import (
    ApiVersion,
    ConfigSource,
    HeaderValue,
    HeaderValueOption,
    HeaderValueOptionHeaderAppendAction,
    PathConfigSource,
    TypedExtensionConfig,
)
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher, Route, RouteAction, RouteMatch
from envoy_data_plane.envoy.extensions.filters.http.credential_injector.v3 import CredentialInjector
from envoy_data_plane.envoy.extensions.http.injected_credentials.generic.v3 import Generic
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import SdsSecretConfig
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher
from envoy_data_plane.google.protobuf import Any as Packed

from extproc import names
from extproc.bootstrap.cluster_defaults import last_upstream_filter
from extproc.bootstrap.degraded.secrets import secret_file
from extproc.bootstrap.internal_headers import at_provider
from extproc.bootstrap.lua_filters import lua_filter
from extproc.bootstrap.proto import duration, http_filter

if TYPE_CHECKING:
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

    from extproc.bootstrap.degraded.plan import Degraded

ENCODING = "content-encoding"


def degraded_routes(degraded: Degraded) -> list[Route]:
    """Return the attempt listener's routes for requests in fail-open mode, for which no worker has set a cluster.

    The response is final: there is no policy.
    """
    return [_route(path, degraded) for path in degraded.paths]


def _route(path: str, degraded: Degraded) -> Route:
    silence = degraded.cluster.between_bytes
    return Route(
        match=RouteMatch(
            safe_regex=RegexMatcher(regex=path),
            headers=[
                HeaderMatcher(name=names.DEGRADED, present_match=True),
                HeaderMatcher(name=names.CLUSTER, present_match=False),
                # The script cannot read the model in a compressed body.
                HeaderMatcher(name=ENCODING, present_match=False),
            ],
        ),
        route=RouteAction(
            cluster=names.DEGRADED_CLUSTER,
            timeout=duration(0),
            idle_timeout=None if silence is None else duration(silence),
            host_rewrite_literal=degraded.authority,
        ),
        response_headers_to_remove=["location"],  # a client must not follow a provider's redirect
        response_headers_to_add=[_set(names.DEGRADED, "true"), _set(names.UNPROCESSED, names.PROCESSED)],
    )


def upstream_filters(degraded: Degraded) -> list[HttpFilter]:
    """Return the filters of the cluster: credential, script, and the two of every provider's cluster.

    They are not in the listener, because attempts that the sidecar routes must not pass them, and the difference is
    known only when the cluster has been selected.
    """
    return [
        *(_credential(name, degraded.directory) for name in degraded.secrets),
        lua_filter(degraded.script),
        at_provider(),
        last_upstream_filter(),
    ]


def _credential(name: str, directory: str) -> HttpFilter:
    """Return the filter that sets the header *name*; without its value, requests are rejected."""
    source = ConfigSource(
        path_config_source=PathConfigSource(path=f"{directory}/{secret_file(name)}"),
        resource_api_version=ApiVersion.V3,
    )
    generic = Generic(credential=SdsSecretConfig(name=name, sds_config=source), header=name)
    return http_filter(
        "envoy.filters.http.credential_injector",
        CredentialInjector(
            overwrite=True,
            credential=TypedExtensionConfig(
                name="envoy.http.injected_credentials.generic", typed_config=Packed.pack(generic)
            ),
        ),
    )


def _set(name: str, value: str) -> HeaderValueOption:
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value),
        append_action=HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    )
