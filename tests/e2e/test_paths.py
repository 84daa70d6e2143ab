"""What clients' paths mean: what SDKs make of a base URL is understood, and nothing else is sent anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_answer, check_delivered, check_openai_error, check_sent
from support.gateway.credentials import ALL, CLIENT_KEY, P_KEY, S_KEY, T_KEY
from support.gateway.providers import P, S, a_model
from support.gateway.running import Gateway, running_gateway
from support.http.requests import CHAT, MESSAGES, a_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

AZURE = {"content-type": "application/json", "api-key": CLIENT_KEY}
ANTHROPIC = {"content-type": "application/json", "x-api-key": CLIENT_KEY, "anthropic-version": "2023-06-01"}
DEPLOYMENT = "azure_openai/gpt-4o-eu"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run OpenAI's P with Anthropic's S as its fallback, and Azure's T."""
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, default=True, retry_policy={"fallback_models": [S]}),
            a_model(S, providers.s, S_KEY, retry_policy={}),
            a_model(DEPLOYMENT, providers.t, T_KEY, retry_policy={"fallback_models": [P]}),
            a_model("groq/*", providers.p, P_KEY),
        ],
        top={"model_aliases": {"fast": {"target": P}}},
    ) as gateway:
        yield gateway


@pytest.mark.parametrize(
    "path",
    [
        "/openai/v1/chat/completions",
        "/v1/v1/chat/completions",
        "/chat/completions",
        "/api/v1/chat/completions",
        "/v1beta/openai/chat/completions",
        "/openai/chat/completions?api-version=2024-10-21",
    ],
)
async def test_a_path_of_another_shape_is_the_same_request(gateway: Gateway, path: str) -> None:
    """Rewritten to each provider's own, and failed over."""
    gateway.play(p="429")

    response = await gateway.chat(path=path)

    check_delivered(response, by="S", target=S, attempts=2)
    assert [call.path for call in gateway.calls] == [CHAT, CHAT]
    check_sent(gateway.p.calls[0], key=P_KEY)
    check_sent(gateway.s.calls[0], key=S_KEY)


@pytest.mark.parametrize("path", ["/v1/v1/messages", "/anthropic/v1/messages", "/messages?beta=true"])
async def test_so_it_is_with_messages(gateway: Gateway, path: str) -> None:
    gateway.play()

    response = await gateway.client.post(path, content=a_body(S, max_tokens=5), headers=ANTHROPIC)

    check_delivered(response, by="S", target=S, attempts=1)
    assert gateway.s.calls[0].path.partition("?")[0] == MESSAGES


@pytest.mark.parametrize("deployment", ["gpt-4o", P, P.replace("/", "%2F")])
@pytest.mark.parametrize("content", [a_body(P), b'{"messages": []}'])
async def test_azures_sdk_says_the_model_in_the_path(gateway: Gateway, deployment: str, content: bytes) -> None:
    """And its credential in `api-key`. A provider that is not Azure finds the model in the body."""
    gateway.play(p="429")
    path = f"/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21"

    response = await gateway.client.post(path, content=content, headers=AZURE)

    check_delivered(response, by="S", target=S, attempts=2)
    assert [(call.path, call.model) for call in gateway.calls] == [(CHAT, "gpt-4o"), (CHAT, "claude-3-5-sonnet")]
    check_sent(gateway.p.calls[0], key=P_KEY)
    check_sent(gateway.s.calls[0], key=S_KEY)


async def test_azure_itself_gets_its_own_path_and_the_clients_version(gateway: Gateway) -> None:
    gateway.play(t="429")
    path = "/openai/deployments/gpt-4o-eu/chat/completions?api-version=2025-01-01"

    response = await gateway.client.post(path, content=a_body("gpt-4o-eu"), headers=AZURE)

    check_delivered(response, by="P", target=P, attempts=2)
    assert gateway.t.calls[0].path == path
    assert gateway.t.calls[0].header("api-key") == T_KEY
    assert gateway.p.calls[0].path == CHAT


@pytest.mark.parametrize(
    "path",
    [
        f"/v1beta/models/gemini-pro:generateContent?key={CLIENT_KEY}",
        f"/v1/models/gemini-pro:generateContent?key={CLIENT_KEY}",
        "/v2/chat",
        "/model/x/invoke",
        "/v1/organization/users",
        "/v1/chat/completionsx",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_is_not_supported_is_sent_nowhere(gateway: Gateway, method: str, path: str) -> None:
    """Not to the default, either, though it would take any model."""
    gateway.play()

    response = await gateway.client.request(method, path, content=a_body(P), headers=AZURE)

    error = check_openai_error(response, status=404)
    assert error["code"] == "unknown_path"
    assert CHAT in str(error["message"])
    assert gateway.order == ""


async def test_anthropics_clients_get_errors_in_their_format(gateway: Gateway) -> None:
    gateway.play()

    response = await gateway.client.post("/v1/nothing", content=a_body(S), headers=ANTHROPIC)

    assert response.status_code == 404
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "not_found_error"
    assert gateway.order == ""
    check_answer(response)


@pytest.mark.parametrize(
    "query", [f"key={CLIENT_KEY}", f"api-key={CLIENT_KEY}", f"a=1&API_KEY={CLIENT_KEY}&access_token={CLIENT_KEY}"]
)
async def test_a_credential_in_the_query_is_never_logged_or_forwarded(gateway: Gateway, query: str) -> None:
    gateway.play(p="429")

    response = await gateway.chat(path=f"{CHAT}?{query}")

    check_delivered(response, by="S", target=S, attempts=2)
    assert {call.path for call in gateway.calls} <= {CHAT, f"{CHAT}?a=1"}
    assert not any(leak in call.path for call in gateway.calls for leak in ALL)


@pytest.mark.parametrize(
    "path", ["/", "/api/hello", "/v1/models", f"/v1/models/{P}", "/v1/models/fast", "/favicon.ico"]
)
async def test_the_gateway_itself_responds(gateway: Gateway, path: str) -> None:
    """And to HEAD without a body."""
    gateway.play()

    got, head = await gateway.client.get(path), await gateway.client.head(path)

    assert got.status_code == head.status_code == (204 if path == "/favicon.ico" else 200)
    assert head.content == b""
    assert gateway.order == ""
    check_answer(got)
    check_answer(head)


async def test_models_are_what_is_configured(gateway: Gateway) -> None:
    """For clients of either API in its own shape."""
    openai = (await gateway.client.get("/v1/models")).json()
    anthropic = (await gateway.client.get("/v1/models", headers=ANTHROPIC)).json()

    assert openai["object"] == "list"
    assert [model["id"] for model in openai["data"]] == [P, S, DEPLOYMENT, "fast"]
    assert [(model["type"], model["id"]) for model in anthropic["data"]] == [("model", S)]
    assert anthropic["has_more"] is False


async def test_what_a_provider_keeps_is_asked_of_it_alone(gateway: Gateway) -> None:
    """By the credential that its API looks for."""
    gateway.play()

    files = await gateway.client.get("/openai/v1/files/file-1", headers={"authorization": f"Bearer {CLIENT_KEY}"})
    batch = await gateway.client.get(
        "/v1/messages/batches/b",
        headers={**ANTHROPIC, "x-arch-llm-provider-hint": S, "anthropic-version": "2024-01-01"},
    )

    assert (files.status_code, batch.status_code) == (200, 200)
    assert gateway.order == "PS"
    assert (gateway.p.calls[0].path, gateway.s.calls[0].path) == ("/v1/files/file-1", "/v1/messages/batches/b")
    check_sent(gateway.p.calls[0], key=P_KEY)
    assert gateway.s.calls[0].header("x-api-key") == S_KEY
    assert gateway.s.calls[0].header("anthropic-version") == "2024-01-01"
    assert gateway.s.calls[0].header("authorization") is None


async def test_a_head_with_a_refusal_has_no_body(gateway: Gateway) -> None:
    response = await gateway.client.head("/v2/x")

    assert (response.status_code, response.content) == (404, b"")


MOVED = '307(headers={"location": "https://elsewhere.test/v1/chat/completions"})'


async def test_a_providers_redirect_leads_to_the_next_provider(gateway: Gateway) -> None:
    """Its Location is nobody's business."""
    gateway.play(p=MOVED)

    response = await gateway.chat()

    check_delivered(response, by="S", target=S, attempts=2)
    assert "location" not in response.headers


async def test_what_has_not_changed_leads_nowhere(gateway: Gateway) -> None:
    """A 304 is the client's to have, if it has asked for it; a Location in it is not."""
    gateway.play(p=MOVED.replace("307", "304"))

    response = await gateway.client.get("/v1/files/file-1", headers={"if-none-match": '"1"'})

    assert response.status_code == 304
    assert "location" not in response.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_never_reaches_the_client(gateway: Gateway, plain: Gateway, status: int) -> None:
    """Not when everybody sends it elsewhere, and not where there is no policy."""
    script = MOVED.replace("307", str(status))
    gateway.play(p=script, s=script, t=script)
    plain.play(p=script)

    exhausted = await gateway.chat()
    refused = await plain.chat()

    assert (exhausted.status_code, refused.status_code) == (502, 502)
    assert gateway.order == "PST"
    assert plain.order == "P"
    for response in (exhausted, refused):
        assert "location" not in response.headers
        assert "elsewhere" not in response.text
        check_answer(response)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def readme() -> AsyncIterator[Gateway]:
    """Run what README shows: OpenAI's model and Anthropic's, each the default for its own API."""
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, default=True, retry_policy={"fallback_models": [S]}),
            a_model(S, providers.s, S_KEY, default=True),
        ],
    ) as gateway:
        yield gateway


async def test_an_unknown_model_goes_to_the_default_of_its_api(readme: Gateway) -> None:
    """Claude Code names models of its own, and asks how many tokens they would take."""
    readme.play()
    claude = a_body("claude-opus-9", max_tokens=5)

    message = await readme.client.post("/v1/messages?beta=true", content=claude, headers=ANTHROPIC)
    count = await readme.client.post("/v1/messages/count_tokens?beta=true", content=claude, headers=ANTHROPIC)
    chat = await readme.chat("gpt-9")

    check_delivered(message, by="S", target=S, attempts=1)
    check_delivered(count, by="S", target=S, attempts=1)
    check_delivered(chat, by="P", target=P, attempts=1)
    assert readme.order == "SSP"
    assert {call.header("x-api-key") for call in readme.s.calls} == {S_KEY}


async def test_a_model_is_not_asked_through_another_api(readme: Gateway) -> None:
    """Nor is the default in its place."""
    readme.play()

    response = await readme.client.post(MESSAGES, content=a_body(P, max_tokens=5), headers=ANTHROPIC)

    assert response.status_code == 400
    assert response.json()["type"] == "error"
    assert S in response.json()["error"]["message"]
    assert readme.order == ""
    check_answer(response)


async def test_without_a_default_for_the_api_no_provider_is_called(gateway: Gateway) -> None:
    """There the only default is OpenAI's."""
    gateway.play()

    response = await gateway.client.post(MESSAGES, content=a_body("claude-9", max_tokens=5), headers=ANTHROPIC)

    assert response.status_code == 400
    assert S in response.json()["error"]["message"]
    assert P not in response.json()["error"]["message"]
    assert gateway.order == ""
