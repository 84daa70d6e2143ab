"""CORS at the edge, and requests that are rejected there.

Browsers send a preflight (OPTIONS) before a page of another origin may call. Envoy responds to it at the edge: the
provider would be called with the operator's key, and the allowed origins are the operator's choice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envoy_data_plane.envoy.config.route.v3 import (
    DirectResponseAction,
    HeaderMatcher,
    Route,
    RouteAction,
    RouteMatch,
    RouteMatchConnectMatcher,
)
from envoy_data_plane.envoy.extensions.filters.http.buffer.v3 import BufferPerRoute
from envoy_data_plane.envoy.extensions.filters.http.cors.v3 import Cors, CorsPolicy
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher
from envoy_data_plane.google.protobuf import Any as Packed

from extproc import names
from extproc.bootstrap.proto import BUFFER, http_filter
from extproc.config.schema.origins import ANY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

CORS = "envoy.filters.http.cors"

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
"""The methods of providers' APIs. Not TRACE, which would return a credential, nor CONNECT."""

ALLOWED_HEADERS = "authorization, *"
"""`*` is every header except `authorization` (fetch.spec.whatwg.org, CORS protocol): SDKs send a dozen of their own."""

EXPOSED_HEADERS = (
    names.MODEL,
    names.ATTEMPTS,
    names.DEGRADED,
    "x-request-id",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
)
"""Response headers that a page may read besides the CORS-safelisted ones."""

SIMPLE_CONTENT = r"(?i)(\s*(text/plain|application/x-www-form-urlencoded|multipart/form-data)\s*(;.*)?)?"
"""Content types that a browser sends without a preflight, or none."""

NOWHERE = "x-extproc-nowhere"
"""A header that no request has: the edge removes this prefix from requests of clients."""

MAX_AGE = "3600"
"""For how many seconds a browser caches the result of a preflight."""


def cors_filters(origins: Sequence[str]) -> list[HttpFilter]:
    """Return the CORS filter for *origins*, if there are any.

    It is the first filter that can respond: only responses that pass it get the CORS headers.
    """
    return [http_filter(CORS, Cors())] if origins else []


def cors_policy(origins: Sequence[str]) -> Mapping[str, Packed]:
    """Return the filter's policy for the virtual host; without cookies: credentials are in headers."""
    if not origins:
        return {}
    policy = CorsPolicy(
        allow_origin_string_match=[_matcher(origin) for origin in origins],
        allow_methods=", ".join(METHODS),
        allow_headers=ALLOWED_HEADERS,
        expose_headers=", ".join(EXPOSED_HEADERS),
        max_age=MAX_AGE,
    )
    return {CORS: Packed.pack(policy)}


def preflights(origins: Sequence[str]) -> list[Route]:
    """Return the route of preflights, if there are *origins*.

    The filter has no policy on a direct-response route, so this one has the cluster header `NOWHERE`. A preflight that
    passes the filter is of another origin.
    """
    if not origins:
        return []
    given = StringMatcher(safe_regex=RegexMatcher(regex=".+"))
    match = RouteMatch(
        prefix="/",
        headers=[
            HeaderMatcher(name=":method", string_match=StringMatcher(exact="OPTIONS")),
            HeaderMatcher(name="origin", string_match=given),
            HeaderMatcher(name="access-control-request-method", string_match=given),
        ],
    )
    return [Route(match=match, route=RouteAction(cluster_header=NOWHERE), typed_per_filter_config=_unbuffered())]


def refused(origins: Sequence[str]) -> list[Route]:
    """Return the routes of rejected requests: other methods, WebSockets, and cross-origin requests without a preflight.

    A browser sends a preflight before JSON, but not before plain text or a form (fetch.spec.whatwg.org,
    "CORS-safelisted request-header"), which may have the same content: a page of another origin could not read the
    response, but cause a provider call. Other programs may send an origin, too, together with JSON.

    A preflight matches the first of them, unless the route before matches it. Envoy itself rejects a WebSocket, but not
    the rest of one that a proxy in front leaves: without `upgrade` it is an ordinary request. The buffer filter would
    wait for the end of their body, and a CONNECT has none.
    """
    others = HeaderMatcher(
        name=":method",
        string_match=StringMatcher(safe_regex=RegexMatcher(regex="|".join(METHODS))),
        invert_match=True,
    )
    websocket = HeaderMatcher(name="sec-websocket-key", present_match=True)
    statuses = (
        (RouteMatch(connect_matcher=RouteMatchConnectMatcher()), 405),
        (RouteMatch(prefix="/", headers=[others]), 405),
        (RouteMatch(prefix="/", headers=[websocket]), 426),
        (RouteMatch(prefix="/", headers=_without_preflight(origins)), 403),
    )
    return [
        Route(
            match=match,
            direct_response=DirectResponseAction(status=status),
            typed_per_filter_config=_unbuffered(),
        )
        for match, status in statuses
    ]


def _without_preflight(origins: Sequence[str]) -> list[HeaderMatcher]:
    """Return the matchers of a request without a preflight by a page of another origin than *origins*."""
    elsewhere = StringMatcher(safe_regex=RegexMatcher(regex=".+"))
    named = StringMatcher(safe_regex=RegexMatcher(regex="|".join(map(origin_regex, origins))))
    simple = StringMatcher(safe_regex=RegexMatcher(regex=SIMPLE_CONTENT))
    return [
        HeaderMatcher(name=":method", string_match=StringMatcher(exact="POST")),
        HeaderMatcher(name="origin", string_match=elsewhere),
        *([HeaderMatcher(name="origin", string_match=named, invert_match=True)] if origins else []),
        HeaderMatcher(name="content-type", string_match=simple, treat_missing_header_as_empty=True),
    ]


def _unbuffered() -> dict[str, Packed]:
    return {BUFFER: Packed.pack(BufferPerRoute(disabled=True))}


def _matcher(origin: str) -> StringMatcher:
    if ANY not in origin:
        return StringMatcher(exact=origin)
    return StringMatcher(safe_regex=RegexMatcher(regex=origin_regex(origin)))


def origin_regex(origin: str) -> str:
    """Return *origin*, with its `*`, as a regular expression."""
    if origin == ANY:
        return ".*"
    scheme, _, rest = origin.partition("://")
    every_port = rest.endswith(":*")
    host = rest.removesuffix(":*").removeprefix("*.")
    below = r"([a-z0-9_-]+\.)+" if rest.startswith("*.") else ""
    return f"{re.escape(scheme)}://{below}{re.escape(host)}{'(:[0-9]+)?' if every_port else ''}"
