"""Requests from web pages: which may be sent, and what else has no business inside.

Browsers ask first (a preflight, OPTIONS) whether a page of another origin may call. Envoy answers that at the edge:
the provider would be asked with the operator's key, and it is not the provider's to say.
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
"""What the APIs of providers use. Not TRACE, which would send a credential back, and no CONNECT."""

ALLOWED_HEADERS = "authorization, *"
"""`*` is every header but that one (fetch.spec.whatwg.org, CORS protocol): SDKs have a dozen of their own."""

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
"""What a page may read of an answer besides the few headers that every page may."""

SIMPLE_CONTENT = r"(?i)(\s*(text/plain|application/x-www-form-urlencoded|multipart/form-data)\s*(;.*)?)?"
"""Content types that a browser sends without a preflight, and none at all."""

NOWHERE = "x-extproc-nowhere"
"""A header that no request has: clients cannot send any that begins so."""

MAX_AGE = "3600"
"""For how many seconds a browser need not ask again."""


def cors_filters(origins: Sequence[str]) -> list[HttpFilter]:
    """Return the filter that lets pages of *origins* in, if there are any.

    It comes before all that may answer: only what has passed it is marked as readable for the page.
    """
    return [http_filter(CORS, Cors())] if origins else []


def cors_policy(origins: Sequence[str]) -> Mapping[str, Packed]:
    """Return what the filter asks of the virtual host; no cookies: credentials are in headers here."""
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
    """Return the route of what a browser asks before it sends what a page wants to send, if some of *origins* may.

    The filter has no policy where a route answers by itself, so this one leads to the cluster that `NOWHERE` names.
    What gets past the filter is of an origin that may not call.
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
    """Return the routes of what no API has: unusual methods, WebSockets, and what a page sends without having asked.

    A browser asks before it sends JSON, but not before it sends plain text or a form (fetch.spec.whatwg.org,
    "CORS-safelisted request-header"), which may hold the same: a page that is none of *origins* could not read the
    answer, but have it made, and paid for. Programs that are no browser may say an origin, too, and send JSON.

    A preflight is among the first, unless the route before takes it. Envoy refuses a WebSocket by itself, but not what
    a proxy in front leaves of one: it drops `upgrade`, and an ordinary request remains. The buffer filter would wait
    for the end of their body, and a CONNECT has none.
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
        (RouteMatch(prefix="/", headers=_unasked(origins)), 403),
    )
    return [
        Route(
            match=match,
            direct_response=DirectResponseAction(status=status),
            typed_per_filter_config=_unbuffered(),
        )
        for match, status in statuses
    ]


def _unasked(origins: Sequence[str]) -> list[HeaderMatcher]:
    """Return what tells a request that a page of another origin than *origins* sends without a preflight."""
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
    """Return what *origin* means, with its `*`."""
    if origin == ANY:
        return ".*"
    scheme, _, rest = origin.partition("://")
    every_port = rest.endswith(":*")
    host = rest.removesuffix(":*").removeprefix("*.")
    below = r"([a-z0-9_-]+\.)+" if rest.startswith("*.") else ""
    return f"{re.escape(scheme)}://{below}{re.escape(host)}{'(:[0-9]+)?' if every_port else ''}"
