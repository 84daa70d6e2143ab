from __future__ import annotations

import pytest

from extproc.exchange.paths import api_of, path_for
from extproc.exchange.upstream import Upstream
from extproc.policy.model import Api


def an_upstream(path_prefix: str = "/v1", query: str = "") -> Upstream:
    """Return an upstream that differs in its paths only."""
    return Upstream("cluster", "host.test", "model", path_prefix, query)


@pytest.mark.parametrize("version", ["/v1", ""])
@pytest.mark.parametrize("end", ["", "/", "?stream=true", "/?a=/v1/messages"])
@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/chat/completions", Api.CHAT),
        ("/completions", Api.COMPLETIONS),
        ("/responses", Api.RESPONSES),
        ("/embeddings", Api.EMBEDDINGS),
        ("/images/generations", Api.IMAGES),
        ("/images/edits", Api.IMAGES),
        ("/audio/transcriptions", Api.AUDIO),
        ("/audio/speech", Api.AUDIO),
        ("/moderations", Api.MODERATIONS),
        ("/messages", Api.MESSAGES),
        ("/messages/count_tokens", Api.MESSAGES),
        ("/models", Api.OTHER),
    ],
)
def test_a_path_tells_the_api(version: str, path: str, end: str, api: Api) -> None:
    """With or without the version, a slash at the end and a query string."""
    assert api_of(version + path + end) is api


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "*",
        "/v1",
        "/v1/",
        "/v2/messages",
        "/v1/v1/messages",
        "/v10/messages",
        "/v1messages",
        "/v1/images",
        "/v1/audio/",
        "/v1/Messages",
        "/openai/v1/chat/completions",
        "?/v1/messages",
    ],
)
def test_other_paths_are_of_no_api_we_know(path: str) -> None:
    """They go to the provider that the request names, and to no other."""
    assert api_of(path) is Api.OTHER


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions/chatcmpl-1",
        "/v1/responses/resp_1",
        "/v1/responses/resp_1/cancel",
        "/v1/messages/batches",
        "/v1/files/file-1/content",
    ],
)
def test_what_one_provider_keeps_is_asked_of_no_other(path: str) -> None:
    """A stored answer is a path below that of its API."""
    assert api_of(path) is Api.OTHER


@pytest.mark.parametrize(
    ("prefix", "client", "sent"),
    [
        ("/v1", "/v1/chat/completions", "/v1/chat/completions"),
        ("/v1", "/chat/completions", "/v1/chat/completions"),
        ("/openai/v1", "/v1/chat/completions", "/openai/v1/chat/completions"),
        ("/api/paas/v4", "/v1/chat/completions/", "/api/paas/v4/chat/completions/"),
        ("/openai/v1", "/v10/x", "/openai/v1/v10/x"),
        ("", "/v1/messages", "/messages"),
        ("", "/v1", "/"),
        ("/v1", "/v1", "/v1"),
    ],
)
def test_the_prefix_takes_the_place_of_the_version(prefix: str, client: str, sent: str) -> None:
    """Or stands before a path that has none."""
    assert path_for(client, an_upstream(prefix)) == sent


@pytest.mark.parametrize("query", ["?", "?a=1&&b=%20+&a", "?x=/v1/y?z", "?beta=true"])
def test_the_clients_query_string_is_kept(query: str) -> None:
    """Byte for byte, even where it is odd."""
    assert path_for(f"/v1/messages{query}", an_upstream("/p")) == f"/p/messages{query}"


@pytest.mark.parametrize(
    ("client", "sent"),
    [
        ("/v1/x", "/v1/x?api-version=1&b=2"),
        ("/v1/x?", "/v1/x?api-version=1&b=2"),
        ("/v1/x?a=1", "/v1/x?a=1&api-version=1&b=2"),
        ("/v1/x?api-version=9", "/v1/x?api-version=9&b=2"),
        ("/v1/x?b&api%2Dversion=9", "/v1/x?b&api%2Dversion=9"),
    ],
)
def test_the_upstreams_parameters_follow_unless_the_client_gave_them(client: str, sent: str) -> None:
    """Two values of one parameter are an error at most providers."""
    assert path_for(client, an_upstream(query="api-version=1&b=2")) == sent
