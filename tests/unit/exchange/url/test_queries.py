from __future__ import annotations

import pytest

from extproc.exchange.upstream import CredentialStyle, Upstream
from extproc.exchange.url.queries import query_for


def an_upstream(
    query: str = "", *, style: CredentialStyle = CredentialStyle.BEARER, passthrough: bool = False
) -> Upstream:
    """Return an upstream that differs in what it takes of a query only."""
    return Upstream("cluster", "host.test", "model", query=query, credential_style=style, passthrough=passthrough)


@pytest.mark.parametrize("query", ["", "a=1&&b=%20+&a", "x=/v1/y?z", "beta=true", "a;b", "&", "monkey=1", "keys=2"])
def test_the_clients_parameters_are_kept(query: str) -> None:
    """Byte for byte, even where they are odd."""
    assert query_for(query, an_upstream()) == query


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "KEY",
        "k%65y",
        "api-key",
        "api_key",
        "apikey",
        "apiKey",
        "x-api-key",
        "x-goog-api-key",
        "access_token",
        "access-token",
        "oauth_token",
        "auth_token",
        "token",
        "Authorization",
        "subscription-key",
        "Ocp-Apim-Subscription-Key",
        "+key",
        "key+",
    ],
)
def test_the_clients_credential_stays_here(name: str) -> None:
    """Unless it is to be passed through: then it goes as it came."""
    query = f"a=1&{name}=sk-secret&b=2&{name}"

    assert query_for(query, an_upstream()) == "a=1&b=2"
    assert query_for(query, an_upstream(passthrough=True)) == query


def test_nothing_is_left_of_a_query_that_was_a_credential() -> None:
    assert query_for("key=sk-secret", an_upstream()) == ""
    assert query_for("key=sk-secret", an_upstream("v=1")) == "v=1"


@pytest.mark.parametrize(
    ("client", "sent"),
    [
        ("", "v=1&w=2"),
        ("a=1", "a=1&v=1&w=2"),
        ("v=9", "v=9&w=2"),
        ("b&%76=9", "b&%76=9&w=2"),
    ],
)
def test_the_upstreams_parameters_follow_unless_the_client_gave_them(client: str, sent: str) -> None:
    """Two values of one parameter are an error at most providers."""
    assert query_for(client, an_upstream("v=1&w=2")) == sent


@pytest.mark.parametrize(
    ("upstream", "sent"),
    [
        (an_upstream(), "a=1"),
        (an_upstream("api-version=2024-10-21"), "api-version=9&a=1"),
        (an_upstream(style=CredentialStyle.API_KEY), "api-version=9&a=1"),
        (an_upstream(passthrough=True), "a=1"),
    ],
)
def test_azures_version_is_for_azure(upstream: Upstream, sent: str) -> None:
    """The AzureOpenAI SDK gives one with each request; another provider does not know what it is."""
    assert query_for("api-version=9&a=1", upstream) == sent
