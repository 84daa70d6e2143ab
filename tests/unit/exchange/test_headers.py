from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from extproc import names
from extproc.exchange.headers import HeaderChanges, idempotency_value, request_changes, response_removals
from extproc.exchange.upstream import CredentialStyle, Upstream
from extproc.policy.target import Api

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUTING = {
    names.CLUSTER: "openai",
    ":authority": "api.openai.com",
    ":path": "/v1/chat/completions",
    names.RESPONSE_TIMEOUT: "0",
}
NOTHING: Mapping[str, str] = MappingProxyType({})


def an_upstream(
    *,
    keys: tuple[str, ...] = ("key-0",),
    style: CredentialStyle = CredentialStyle.BEARER,
    passthrough: bool = False,
    headers: Mapping[str, str] = NOTHING,
) -> Upstream:
    """Return an upstream with one key."""
    return Upstream(
        "openai",
        "api.openai.com",
        "gpt-4o",
        keys=keys,
        credential_style=style,
        passthrough=passthrough,
        headers=headers,
    )


def changes(
    upstream: Upstream,
    client: Mapping[str, str] = NOTHING,
    *,
    api: Api = Api.CHAT,
    key: int = 0,
    extra: tuple[tuple[str, str], ...] = (),
) -> tuple[dict[str, str], set[str]]:
    """Return what is set besides the routing, and what is removed."""
    changed = request_changes(client, upstream=upstream, api=api, path="/v1/chat/completions", key=key, extra=extra)
    sent = dict(changed.set_headers)
    assert len(sent) == len(changed.set_headers)
    assert {name: sent.pop(name) for name in ROUTING} == ROUTING
    return sent, set(changed.remove_headers)


def test_an_attempt_is_sent_where_its_target_is() -> None:
    """Cluster, host and path; the limit on the whole response is off, the one on its beginning is the attempt's."""
    upstream = Upstream("azure", "x.azure.test", "m", "/openai/v1")
    changed = request_changes(
        {},
        upstream=upstream,
        api=Api.CHAT,
        path="/openai/v1/chat/completions?a=b",
        body_length=0,
        time_limit=1500,
    )

    assert changed == (
        (
            ("x-arch-llm-provider", "azure"),
            (":authority", "x.azure.test"),
            (":path", "/openai/v1/chat/completions?a=b"),
            ("x-envoy-upstream-rq-timeout-ms", "0"),
            ("x-envoy-upstream-rq-per-try-timeout-ms", "1500"),
            ("content-length", "0"),
        ),
        (),
    )


@pytest.mark.parametrize("time_limit", [None, 0])
def test_without_a_limit_and_a_new_body_neither_is_sent(time_limit: int | None) -> None:
    """As in the configuration, a limit of 0 is off."""
    changed = request_changes({}, upstream=an_upstream(), api=Api.CHAT, path="/", time_limit=time_limit)

    assert {names.TRY_TIMEOUT, "content-length"}.isdisjoint(dict(changed.set_headers))


@pytest.mark.parametrize(
    ("style", "api", "credential"),
    [
        (CredentialStyle.BEARER, Api.CHAT, {"authorization": "Bearer key-0"}),
        (CredentialStyle.API_KEY, Api.EMBEDDINGS, {"api-key": "key-0"}),
        (CredentialStyle.BEARER, Api.MESSAGES, {"x-api-key": "key-0", "anthropic-version": "2023-06-01"}),
        (CredentialStyle.API_KEY, Api.MESSAGES, {"x-api-key": "key-0", "anthropic-version": "2023-06-01"}),
    ],
)
def test_the_key_goes_where_the_api_looks_for_it(style: CredentialStyle, api: Api, credential: dict[str, str]) -> None:
    """Anthropic's own API has its own header, whatever the target's other APIs use."""
    assert changes(an_upstream(style=style), api=api) == (credential, set())


def test_keys_rotate() -> None:
    """The state may ask for a key that a changed configuration no longer has: it goes round."""
    upstream = an_upstream(keys=("a", "b"))

    assert [changes(upstream, key=key)[0]["authorization"] for key in range(3)] == ["Bearer a", "Bearer b", "Bearer a"]


def test_the_clients_anthropic_version_is_kept_for_anthropics_api_only() -> None:
    """It says which responses the client understands; other APIs do not know it."""
    client = {"anthropic-version": "2099-01-01"}

    assert changes(an_upstream(keys=()), client, api=Api.MESSAGES) == (client, set())
    assert changes(an_upstream(keys=()), client) == ({}, {"anthropic-version"})


CREDENTIALS = (
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-goog-user-project",
    "ocp-apim-subscription-key",
    "openai-organization",
    "openai-project",
    "anthropic-version",
    "cookie",
    "proxy-authorization",
    "origin",
    "referer",
)


@pytest.mark.parametrize("keys", [(), ("key-0",)])
def test_what_identifies_the_client_stays_here(keys: tuple[str, ...]) -> None:
    """Whether we have a key to put in its place or the provider needs none."""
    sent, removed = changes(an_upstream(keys=keys), dict.fromkeys(CREDENTIALS, "client's"))

    assert "client's" not in sent.values()
    assert set(CREDENTIALS) <= removed | sent.keys()


def test_with_passthrough_the_clients_credential_goes_as_it_came() -> None:
    """All but what is meant for a proxy, or shows the page in a browser; nothing is put beside it."""
    client: dict[str, str] = dict.fromkeys(CREDENTIALS, "client's")

    assert changes(an_upstream(keys=("ours",), passthrough=True), client) == (
        {},
        {"proxy-authorization", "origin", "referer"},
    )


def test_the_clients_other_headers_pass() -> None:
    """The request's own id, the trace and whatever providers offer by header."""
    client = {
        ":method": "POST",
        ":path": "/x",
        "x-request-id": "1",
        "traceparent": "2",
        "anthropic-beta": "3",
        "user-agent": "4",
        "content-type": "application/json",
        "content-length": "5",
        "idempotency-key": "6",
        "x-forwarded-for": "7",
        "x-forwarded-proto": "https",
        "x-archive": "8",
    }

    assert changes(an_upstream(keys=()), client) == ({}, set())


def test_nothing_internal_leaves() -> None:
    """Wherever it came from; what an attempt needs of it is set anew."""
    client = {
        names.CLUSTER: "evil",
        names.HINT: "openai/gpt-4o",
        names.STATE: "AAAA",
        names.REDISPATCH: "1",
        names.RESPONSE_TIMEOUT: "1",
        names.TRY_TIMEOUT: "1",
        "x-envoy-attempt-count": "2",
        "x-envoy-retry-on": "5xx",
    }

    assert changes(an_upstream(keys=()), client) == (
        {},
        {
            names.HINT,
            names.STATE,
            names.REDISPATCH,
            names.TRY_TIMEOUT,
            "x-envoy-attempt-count",
            "x-envoy-retry-on",
        },
    )


def test_the_operators_headers_win_over_the_clients_and_over_credentials() -> None:
    """An operator who sets a header by hand means it; so it is not removed either."""
    upstream = an_upstream(headers={"OpenAI-Organization": "ours", "Authorization": "Basic x", "User-Agent": "gateway"})
    client = {"openai-organization": "theirs", "authorization": "Bearer theirs", "user-agent": "sdk"}

    assert changes(upstream, client) == (
        {"authorization": "Basic x", "openai-organization": "ours", "user-agent": "gateway"},
        set(),
    )


def test_the_operators_headers_cannot_redirect_an_attempt() -> None:
    """The configuration refuses such names; should one come through, it has no effect."""
    internal = {":path": "/evil", ":scheme": "http", "X-Arch-LLM-Provider": "evil", "x-envoy-retry-on": "5xx"}

    assert changes(an_upstream(keys=(), headers=internal)) == ({}, set())


def test_the_attempts_own_headers_are_sent() -> None:
    """They win over the operator's of the same name."""
    upstream = an_upstream(keys=(), headers={"idempotency-key": "fixed"})

    assert changes(upstream, extra=(("idempotency-key", "abc"),)) == ({"idempotency-key": "abc"}, set())


def test_a_repr_shows_names_only() -> None:
    """Values hold keys, and a repr ends in a log some day."""
    changed = HeaderChanges((("authorization", "Bearer secret"), (":path", "/x")), ("cookie", "api-key"))

    assert repr(changed) == "HeaderChanges(set: authorization, :path; remove: cookie, api-key)"


def test_a_responses_internal_headers_are_removed() -> None:
    """A provider gives no orders to Envoy, and none of its words reaches the client as ours."""
    response = {
        ":status": "200",
        "content-type": "application/json",
        "x-request-id": "1",
        "x-extproc-model": "other/model",
        "x-extproc-redispatch": "1",
        "x-arch-llm-provider": "a",
        "x-envoy-upstream-service-time": "3",
        "x-envoy": "kept",
    }

    assert response_removals(response) == (
        "x-extproc-model",
        "x-extproc-redispatch",
        "x-arch-llm-provider",
        "x-envoy-upstream-service-time",
    )


def test_an_idempotency_value_is_one_requests_at_one_provider() -> None:
    """It stays the same for all attempts, and changes with the id, the body and the provider."""
    value = idempotency_value("id", b"\x01" * 32, "openai")

    assert value == idempotency_value("id", b"\x01" * 32, "openai")
    assert (len(value), value.isalnum()) == (64, True)
    assert value not in {
        idempotency_value("id2", b"\x01" * 32, "openai"),
        idempotency_value("id", b"\x02" * 32, "openai"),
        idempotency_value("id", b"\x01" * 32, "mistral"),
        idempotency_value("ido", b"\x01" * 32, "penai"),
    }


def test_a_body_that_has_changed_leaves_behind_what_was_true_of_its_old_bytes() -> None:
    """A provider that checks a digest would refuse it."""
    names = ("content-digest", "repr-digest", "digest", "content-md5", "content-encoding")
    reported: dict[str, str] = dict.fromkeys(names, "x")

    def removed(length: int | None, *, decoded: bool = False) -> set[str]:
        changed = request_changes(
            reported,
            upstream=an_upstream(),
            api=Api.CHAT,
            path="/v1/chat/completions",
            body_length=length,
            decoded=decoded,
        )
        return set(changed.remove_headers)

    assert removed(None) == set()
    assert removed(5) == reported.keys() - {"content-encoding"}
    assert removed(5, decoded=True) == reported.keys()
