"""The responses of the gateway itself."""

from __future__ import annotations

import json

import pytest
from support.policy.builders import P, S, T, a_catalog, a_target

from extproc.exchange.events import ImmediateResponse
from extproc.exchange.local import local_response
from extproc.exchange.url.paths import operation_of
from extproc.policy.target import Api

CATALOG = a_catalog(
    a_target(P, apis=[Api.CHAT, Api.OTHER]),
    a_target(S, apis=[Api.CHAT, Api.OTHER, Api.MESSAGES, Api.ANTHROPIC]),
    wildcards=[a_target("groq/*", apis=[Api.CHAT, Api.OTHER], wildcard=True)],
    names={"gpt-4o": P, "claude-3-5-sonnet": S, "fast": P, "smart": S},
)


def response_to(path: str, *, method: str = "GET", anthropic: bool = False) -> ImmediateResponse | None:
    """Return what the gateway says to a request for *path*, None when that is for a provider."""
    operation = operation_of(path, method=method, anthropic=anthropic)
    return local_response(method, path, operation, Api.OTHER if operation is None else operation.api, CATALOG)


def content_of(path: str, *, anthropic: bool = False) -> object:
    """Return what its body holds."""
    response = response_to(path, anthropic=anthropic)
    assert response is not None
    assert (response.status, dict(response.headers)) == (200, {"content-type": "application/json"})
    return json.loads(response.body)


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/openai/v1/models/", "/v1/models?limit=20"])
def test_the_models_are_what_is_configured(path: str) -> None:
    """In the order of the file, then the names and aliases; no wildcard, and no name that is only shorter."""
    assert content_of(path) == {
        "object": "list",
        "data": [
            {"id": P, "object": "model", "created": 0, "owned_by": "openai"},
            {"id": S, "object": "model", "created": 0, "owned_by": "anthropic"},
            {"id": "fast", "object": "model", "created": 0, "owned_by": "openai"},
            {"id": "smart", "object": "model", "created": 0, "owned_by": "anthropic"},
        ],
    }


def test_anthropics_clients_see_what_speaks_messages() -> None:
    """In their own shape."""

    def shown(name: str) -> dict[str, str]:
        return {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}

    assert content_of("/v1/models", anthropic=True) == {
        "data": [shown(S), shown("smart")],
        "has_more": False,
        "first_id": S,
        "last_id": "smart",
    }
    assert content_of("/v1/models/smart", anthropic=True) == shown("smart")


def test_a_list_may_be_empty() -> None:
    operation = operation_of("/v1/models", method="GET", anthropic=True)
    response = local_response("GET", "/v1/models", operation, Api.ANTHROPIC, a_catalog(P))

    assert response is not None
    assert json.loads(response.body) == {"data": [], "has_more": False, "first_id": None, "last_id": None}


@pytest.mark.parametrize("named", [P, P.replace("/", "%2F"), "gpt-4o", "fast", "groq/llama"])
def test_a_configured_model_is_listed(named: str) -> None:
    """By any name that a request may use, those that a wildcard knows included."""
    owner = "groq" if named.startswith("groq") else "openai"

    assert content_of(f"/v1/models/{named}") == {
        "id": named.replace("%2F", "/"),
        "object": "model",
        "created": 0,
        "owned_by": owner,
    }


@pytest.mark.parametrize(
    ("method", "path", "anthropic"),
    [
        ("GET", "/v1/models/ft:gpt-4o:acme::1", False),  # its provider may know it
        ("GET", f"/v1/models/{P}", True),
        ("DELETE", f"/v1/models/{P}", False),
        ("OPTIONS", "/v1/models", False),
        ("GET", "/v1/files", False),
        ("GET", "/v1/chat/completions", False),
        ("POST", "/", False),
        ("GET", "/index.html", False),
    ],
)
def test_all_else_is_not_for_the_gateway(method: str, path: str, *, anthropic: bool) -> None:
    assert response_to(path, method=method, anthropic=anthropic) is None


@pytest.mark.parametrize("path", ["/", "/?x", "/api/hello"])
def test_a_greeting(path: str) -> None:
    assert content_of(path) == {"message": "hello"}


def test_there_is_no_icon() -> None:
    assert response_to("/favicon.ico") == ImmediateResponse(204, (), b"")


@pytest.mark.parametrize("path", ["/", "/api/hello", "/favicon.ico", "/v1/models", f"/v1/models/{P}"])
def test_the_response_to_head_has_no_body(path: str) -> None:
    """RFC 9110 section 9.3.2."""
    got, head = response_to(path), response_to(path, method="HEAD")

    assert got is not None
    assert head == ImmediateResponse(got.status, got.headers, b"")


def test_a_model_of_no_name_is_none() -> None:
    """T is not configured here."""
    assert response_to(f"/v1/models/{T}") is None
