"""The query string of a request: what of it is for a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from extproc.exchange.upstream import CredentialStyle

if TYPE_CHECKING:
    from extproc.exchange.upstream import Upstream

# Lower case, with hyphens. Google's are `key`, `access_token` and `oauth_token`
# (cloud.google.com/apis/docs/system-parameters), Azure's `api-key` and `subscription-key`; the others are what clients
# of the headers of these names have been seen to make of them.
CREDENTIALS: Final = frozenset(
    {
        "key",
        "api-key",
        "apikey",
        "x-api-key",
        "x-goog-api-key",
        "access-key",
        "access-token",
        "auth-token",
        "oauth-token",
        "token",
        "authorization",
        "subscription-key",
        "ocp-apim-subscription-key",
    }
)
"""Names of parameters with the client's credentials, as in headers."""

API_VERSION: Final = "api-version"
"""Azure's own parameter: an error to others, and of no meaning where the path has another version."""


def query_for(query: str, upstream: Upstream) -> str:
    """Return the query string that *upstream* gets for the client's *query*.

    The client's parameters come as they are, but for its credentials (unless they are to be passed through) and an
    `api-version` that means nothing to the upstream. The upstream's own follow, but for those the client has given.
    """
    if not query and not upstream.query:
        return ""
    unwanted = unwanted_parameters(upstream)
    kept = [parameter for parameter in query.split("&") if _folded(parameter) not in unwanted]
    given = {_name(parameter) for parameter in kept}
    sent = "&".join(kept)
    for parameter in upstream.query.split("&") if upstream.query else ():
        if _name(parameter) not in given:
            sent = f"{sent}&{parameter}" if sent else parameter
    return sent


def unwanted_parameters(upstream: Upstream) -> frozenset[str]:
    """Return which of a client's parameters are not for *upstream*, in lower case and with hyphens."""
    versioned = upstream.credential_style is CredentialStyle.API_KEY or API_VERSION in upstream.query
    unwanted: frozenset[str] = frozenset() if upstream.passthrough else CREDENTIALS
    return unwanted if versioned else unwanted | {API_VERSION}


def _name(parameter: str) -> str:
    return unquote_plus(parameter.partition("=")[0])


def _folded(parameter: str) -> str:
    return _name(parameter).strip().lower().replace("_", "-")
