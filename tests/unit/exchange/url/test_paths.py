from __future__ import annotations

import re

import pytest

from extproc.config.providers import PROVIDERS
from extproc.exchange.upstream import Upstream
from extproc.exchange.url.paths import Operation, api_of_unsupported_path, operation_of, path_for, paths_of
from extproc.exchange.url.resources import API_OF, BASES, KEPT
from extproc.policy.target import Api

CHAT = Operation(Api.CHAT, "/chat/completions")


def an_upstream(path_prefix: str = "/v1", query: str = "") -> Upstream:
    """Return an upstream that differs in its paths only."""
    return Upstream("cluster", "host.test", "model", path_prefix, query)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("end", ["", "/", "?stream=true", "/?a=/v1/messages"])
@pytest.mark.parametrize(("resource", "api"), API_OF.items())
def test_a_path_means_an_api(base: str, resource: str, end: str, api: Api) -> None:
    """Below each prefix that clients know, with a slash at the end and a query string."""
    assert operation_of(base + resource + end) == Operation(api, resource)


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/openai/v1/chat/completions", CHAT),  # Groq's SDK
        ("/v1/v1/chat/completions", CHAT),  # a base URL with the version, and an SDK that adds it
        ("/v1/v1/messages", Operation(Api.MESSAGES, "/messages")),
        ("/anthropic/v1/messages", Operation(Api.MESSAGES, "/messages")),
        ("/v1beta/openai/chat/completions", CHAT),  # Gemini's
        ("/api/v1/chat/completions", CHAT),  # OpenRouter's
        (
            "/openai/deployments/gpt-4o/chat/completions?api-version=1",
            Operation(Api.CHAT, "/chat/completions", "gpt-4o"),
        ),
        ("/openai/deployments/openai%2Fgpt-4o/embeddings", Operation(Api.EMBEDDINGS, "/embeddings", "openai/gpt-4o")),
        ("/openai/deployments/openai/gpt-4o/audio/speech/", Operation(Api.AUDIO, "/audio/speech", "openai/gpt-4o")),
        ("/openai/deployments/chat/completions", Operation(Api.COMPLETIONS, "/completions", "chat")),
        ("/openai/responses?api-version=preview", Operation(Api.RESPONSES, "/responses")),
    ],
)
def test_what_sdks_make_of_a_base_url_is_understood(path: str, operation: Operation) -> None:
    assert operation_of(path) == operation


def test_the_path_of_every_provider_is_understood() -> None:
    """A user who points a vendor's own SDK here changes the host, and nothing else."""
    paths = {provider.path for provider in PROVIDERS.values()}

    assert {path for path in paths if operation_of(path.replace("{model}", "m") + "/chat/completions") is None} == set()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "*",
        "/v1",
        "/v1/",
        "/v2/messages",
        "/v10/messages",
        "/v1messages",
        "/v1/v1/v1/messages",
        "/v1/images",
        "/v1/images/x",
        "/v1/audio/",
        "/v1/Messages",
        "?/v1/messages",
        "/api/chat",  # Ollama's own
        "/api/embeddings",
        "/api/hello",
        "/v1beta/models/gemini-pro:generateContent",
        "/v1/models/gemini-pro:streamGenerateContent",
        "/v1beta1/projects/p/locations/l/publishers/google/models/m:generateContent",
        "/model/anthropic.claude/invoke",  # Bedrock's
        "/v1/organization/admin_api_keys",
        "/v1/organizations/me",
        "/v1/projects/p/service_accounts",
        "/openai/deployments/gpt-4o/messages",
        "/openai/deployments//embeddings",
        "/openai/deployments/",
        "/openai/v1/messages/batches",
        "/anthropic/v1/vector_stores",
        "/chat/completionsx",
        "/v1/chat",
        "/healthz",
        "/admin/quit",
    ],
)
def test_other_paths_are_not_supported(path: str) -> None:
    """They would carry the prompt and a key to who knows where."""
    assert operation_of(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files/../chat/completions",
        "/v1/files/./x",
        "/v1//files",
        "/v1/files//x",
        "/v1/files/..%2fx",
        "/v1/files/%2e%2e/x",
        "/v1/files/%2E",
        "/v1/files/a%2Fb",
        "/v1/files/a%5Cb",
        "/v1/files/a\\b",
        "/v1/files/a%00b",
        "/v1/files/a%0d%0ab",
        "/v1/models/../organization/users",
        "/v1/models/%2e%2e%2forganization",
        "/v1/models//x",
        "/v1/../v1/chat/completions",
        "//v1/chat/completions",
        "/v1/%63hat/completions",
    ],
)
def test_a_path_that_means_another_one_is_not_supported(path: str) -> None:
    """The provider might look at it in its own way. Envoy's edge has made most of them plain already."""
    assert operation_of(path, method="GET") is None


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/v1/chat/completions/chatcmpl-1", "/chat/completions/chatcmpl-1"),
        ("/v1/responses/resp_1", "/responses/resp_1"),
        ("/v1/responses/resp_1/cancel", "/responses/resp_1/cancel"),
        ("/v1/responses/compact", "/responses/compact"),
        ("/v1/files", "/files"),
        ("/files/", "/files"),
        ("/openai/files?api-version=1", "/files"),
        ("/openai/v1/fine_tuning/jobs/ftjob-1/events", "/fine_tuning/jobs/ftjob-1/events"),
        ("/v1/vector_stores/vs_1/files", "/vector_stores/vs_1/files"),
        ("/v1/audio/voices", "/audio/voices"),
        ("/v1/models/ft:gpt-4o:acme::x", "/models/ft:gpt-4o:acme::x"),
        ("/v1/models/meta%2Fllama", "/models/meta%2Fllama"),
    ],
)
def test_what_one_provider_keeps_is_asked_of_no_other(path: str, resource: str) -> None:
    """A stored response is a path below that of its API."""
    assert operation_of(path, method="GET") == Operation(Api.OTHER, resource)


@pytest.mark.parametrize(
    ("path", "anthropic", "api"),
    [
        ("/v1/messages/batches/msgbatch_1/results", False, Api.ANTHROPIC),
        ("/v1/sessions/s/events", False, Api.ANTHROPIC),
        ("/v1/files/file_1", True, Api.ANTHROPIC),
        ("/anthropic/v1/files/file_1", False, Api.ANTHROPIC),
        ("/v1/files/file_1", False, Api.OTHER),
        ("/openai/v1/files/file_1", True, Api.OTHER),
        ("/v1/vector_stores", True, Api.OTHER),
        ("/v1/chat/completions", True, Api.CHAT),
    ],
)
def test_what_both_vendors_have_is_distinguished(path: str, api: Api, *, anthropic: bool) -> None:
    """By the headers; what only one of them has needs no telling."""
    operation = operation_of(path, anthropic=anthropic)

    assert operation is not None
    assert operation.api is api


@pytest.mark.parametrize(
    ("method", "supported"), [("GET", True), ("HEAD", True), ("DELETE", True), ("POST", False), ("PUT", False)]
)
def test_models_are_looked_at_or_deleted(method: str, *, supported: bool) -> None:
    """Google's API posts prompts there."""
    assert (operation_of("/v1/models/x", method=method) is not None) is supported


def test_no_kept_resource_hides_a_conversation() -> None:
    assert not any(KEPT[folder] is not None and folder + "/" in API_OF for folder in KEPT)


@pytest.mark.parametrize(
    ("path", "anthropic", "api"),
    [
        ("/v2/x", False, Api.OTHER),
        ("/v2/x", True, Api.ANTHROPIC),
        ("/anthropic/v2/x", False, Api.ANTHROPIC),
        ("/v3/messages?x", False, Api.ANTHROPIC),
        ("/v3/x?/messages", False, Api.OTHER),
    ],
)
def test_an_unsupported_path_shows_whose_errors_its_client_knows(path: str, api: Api, *, anthropic: bool) -> None:
    assert api_of_unsupported_path(path, anthropic=anthropic) is api


@pytest.mark.parametrize(
    ("prefix", "client", "sent"),
    [
        ("/v1", "/v1/chat/completions", "/v1/chat/completions"),
        ("/v1", "/chat/completions", "/v1/chat/completions"),
        ("/openai/v1", "/v1/chat/completions", "/openai/v1/chat/completions"),
        ("/v1", "/openai/v1/chat/completions", "/v1/chat/completions"),
        ("/v1", "/v1/v1/messages", "/v1/messages"),
        ("/api/paas/v4", "/v1/chat/completions/", "/api/paas/v4/chat/completions"),
        ("/v1", "/openai/deployments/m/chat/completions", "/v1/chat/completions"),
        ("/openai/deployments/d", "/openai/deployments/m/embeddings", "/openai/deployments/d/embeddings"),
        ("", "/v1/messages", "/messages"),
        ("/v1", "/openai/v1/files/file-1/content", "/v1/files/file-1/content"),
        ("/openai/deployments/d", "/openai/files/file-1", "/openai/files/file-1"),
    ],
)
def test_the_prefix_takes_the_place_of_the_clients(prefix: str, client: str, sent: str) -> None:
    operation = operation_of(client)
    assert operation is not None

    assert path_for(client, operation, an_upstream(prefix)) == sent


def test_the_query_string_follows_the_path() -> None:
    assert path_for("/v1/chat/completions?a=1?b", CHAT, an_upstream("/p", "c=2")) == "/p/chat/completions?a=1?b&c=2"
    assert path_for("/v1/chat/completions?", CHAT, an_upstream()) == "/v1/chat/completions"


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("between", ["", "/deployments/m", "/deployments/a/b"])
@pytest.mark.parametrize("resource", API_OF)
def test_a_pattern_fits_what_is_supported(base: str, between: str, resource: str) -> None:
    """And no path of another API."""
    path = base + between + resource
    operation = operation_of(path)
    api = None if operation is None else operation.api

    assert any(re.fullmatch(one, path) for one in paths_of(frozenset(Api))) is (
        operation is not None and not api_kept(api)
    )
    assert not any(re.fullmatch(one, path) for one in paths_of(frozenset(Api) - {API_OF[resource], Api.COMPLETIONS}))


def api_kept(api: Api | None) -> bool:
    """Return whether *api* is one of those without a pattern."""
    return api is not None and api.kept
