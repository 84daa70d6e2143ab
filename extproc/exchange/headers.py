"""What an attempt's request sends besides its body, and what never leaves.

Envoy removes before it sets, and setting replaces every value a header had (`MutationUtils::applyHeaderMutations`,
`HeaderMapImpl::setCopy`). Here no header is in both lists, so nothing depends on that. Only headers that are there
are removed: Envoy refuses all changes when they are more than it allows headers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from extproc import names
from extproc.exchange.upstream import CredentialStyle

if TYPE_CHECKING:
    from extproc.exchange.events import Headers
    from extproc.exchange.upstream import Upstream
    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.target import Api
    from extproc.policy.units import Millis

VERSION: Final = "anthropic-version"
DEFAULT_VERSION: Final = "2023-06-01"
"""What the Messages API asks every request for (platform.claude.com/docs/en/api/versioning)."""

# Meant for a proxy, and the proxy is us. Not x-forwarded-proto, though Envoy puts it there: it finds no
# route without it, so it is dropped behind the route instead.
# The page that a browser's request comes from is nothing to a provider: Anthropic refuses requests that have one.
_NEVER_LEAVES: Final = frozenset({"proxy-authorization", "origin", "referer"})

# What identifies the client: a key, or the account at one vendor that a key of ours has no part in
# (an organization that is not the key's own is an error). An operator who wants one of them sent configures it.
_CLIENT_CREDENTIALS: Final = frozenset(
    {
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-goog-user-project",
        "ocp-apim-subscription-key",
        "openai-organization",
        "openai-project",
        VERSION,
        "cookie",  # the client's browser or SDK keeps cookies by host, and the host is us
    }
)

UNWANTED: Final = _NEVER_LEAVES | _CLIENT_CREDENTIALS

# What holds for the client's own bytes and for no others (RFC 9530, RFC 3230, RFC 1864).
OF_THESE_BYTES: Final = frozenset({"content-digest", "repr-digest", "digest", "content-md5"})


_WITH_A_NEW_BODY: Final = {unwanted: unwanted | OF_THESE_BYTES for unwanted in (_NEVER_LEAVES, UNWANTED)}


class HeaderChanges(NamedTuple):
    """The headers to set and to remove. The first hold keys: the repr shows only their names."""

    set_headers: tuple[tuple[str, str], ...]
    remove_headers: tuple[str, ...]

    def __repr__(self) -> str:
        shown = ", ".join(name for name, _ in self.set_headers)
        return f"HeaderChanges(set: {shown}; remove: {', '.join(self.remove_headers)})"


def request_changes(
    client: Headers,
    *,
    upstream: Upstream,
    api: Api,
    path: str,
    key: int = 0,
    body_length: int | None = None,
    decoded: bool = False,
    time_limit: Millis | None = None,
    extra: tuple[tuple[str, str], ...] = (),
) -> HeaderChanges:
    """Return how the *client*'s headers become those of an attempt at *upstream*.

    *path* is the one to send, *key* is the index of the upstream's key, *body_length* is the size of a
    body that has changed, and *decoded* is whether it was compressed and no longer is. *time_limit* is the longest
    wait for the response headers; None or 0: no limit. *extra* are
    headers of the attempt's own. The operator's headers win over credentials and lose to all that makes routing work.
    """
    sent = _version(client, api) | secret_headers(upstream, api, key)
    sent.update(extra)
    sent[names.CLUSTER] = upstream.cluster
    sent[":authority"] = upstream.authority
    sent[":path"] = path
    sent[names.RESPONSE_TIMEOUT] = "0"
    if time_limit:
        sent[names.TRY_TIMEOUT] = str(time_limit)
    unwanted = unwanted_headers(upstream)
    if body_length is not None:
        sent["content-length"] = str(body_length)
        unwanted = _WITH_A_NEW_BODY[unwanted]
    internal = names.INTERNAL_PREFIXES
    removed = [name for name in client if (name in unwanted or name.startswith(internal)) and name not in sent]
    if decoded and "content-encoding" in client and "content-encoding" not in sent:
        removed.append("content-encoding")
    return HeaderChanges(tuple(sent.items()), tuple(removed))


def secret_headers(upstream: Upstream, api: Api, key: int = 0) -> dict[str, str]:
    """Return what requests for *api* at *upstream* carry that is the operator's own: a credential, and their headers.

    *key* is the index of the upstream's key. The operator's headers win.
    """
    return _credential(upstream, api, key) | _operators(upstream)


def unwanted_headers(upstream: Upstream) -> frozenset[str]:
    """Return which of a client's headers are not for *upstream*, besides the internal ones."""
    return _NEVER_LEAVES if upstream.passthrough else UNWANTED


def response_removals(response: Headers) -> tuple[str, ...]:
    """Return the headers of a provider's *response* that would mean something to Envoy, or reach the client as ours."""
    return tuple(name for name in response if name.startswith(names.INTERNAL_PREFIXES))


def gateway_headers(state: AttemptState) -> tuple[tuple[str, str], ...]:
    """Return the headers with the target that responded, and the number of attempts."""
    return (names.MODEL, state.next.target), (names.ATTEMPTS, str(state.attempts_made + 1))


def idempotency_value(request_id: str, body_sha256: bytes, provider: str) -> str:
    """Return the idempotency key of a request at *provider*: one for all its attempts there.

    It does not show providers that they were sent the same request as another one, nor what its id is.
    """
    parts = (request_id.encode(errors="surrogatepass"), provider.encode(errors="surrogatepass"), body_sha256)
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _credential(upstream: Upstream, api: Api, key: int) -> dict[str, str]:
    if upstream.passthrough or not upstream.keys:
        return {}
    # The attempt state may come from a process that was configured with more keys than this one.
    secret = upstream.keys[key % len(upstream.keys)]
    if api.of_anthropic:
        return {"x-api-key": secret}
    style = upstream.credential_style
    match style:
        case CredentialStyle.BEARER:
            return {"authorization": f"Bearer {secret}"}
        case CredentialStyle.API_KEY:
            return {"api-key": secret}
        case _:
            assert_never(style)


def _version(client: Headers, api: Api) -> dict[str, str]:
    return {VERSION: client.get(VERSION) or DEFAULT_VERSION} if api.of_anthropic else {}


def _operators(upstream: Upstream) -> dict[str, str]:
    """Return the headers that the operator adds; config refuses internal ones, and none gets past this either."""
    if not upstream.headers:
        return {}
    lowered = ((name.lower(), value) for name, value in upstream.headers.items())
    return {name: value for name, value in lowered if not name.startswith((":", *names.INTERNAL_PREFIXES))}
