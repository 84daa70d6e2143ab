"""Where targets are on the wire: provider table, addresses, clusters, credentials."""

from __future__ import annotations

import pytest
from support.config.files import P, S, Table, a_file, a_provider, gateway, problems

from extproc.config.gateway import Cluster
from extproc.config.providers import PROVIDERS
from extproc.exchange.upstream import CredentialStyle, Upstream
from extproc.policy.target import Api, Credential, Target, TargetId


def upstream(entry: Table) -> Upstream:
    """Return the wire facts of the one target of a file."""
    (only,) = gateway(a_file(entry)).upstreams.by_id.values()
    return only


def target(entry: Table) -> Target:
    """Return the one target of a file."""
    (only,) = gateway(a_file(entry)).catalog.targets.values()
    return only


@pytest.mark.parametrize(
    ("prefix", "host", "path"),
    [
        ("openai", "api.openai.com", "/v1"),
        ("anthropic", "api.anthropic.com", "/v1"),
        ("mistral", "api.mistral.ai", "/v1"),
        ("deepseek", "api.deepseek.com", "/v1"),
        ("groq", "api.groq.com", "/openai/v1"),
        ("gemini", "generativelanguage.googleapis.com", "/v1beta/openai"),
        ("xai", "api.x.ai", "/v1"),
        ("together_ai", "api.together.ai", "/v1"),
        ("moonshotai", "api.moonshot.ai", "/v1"),
        ("zhipu", "open.bigmodel.cn", "/api/paas/v4"),
        ("qwen", "dashscope.aliyuncs.com", "/compatible-mode/v1"),
        ("openrouter", "openrouter.ai", "/api/v1"),
        ("vercel", "ai-gateway.vercel.sh", "/v1"),
        ("digitalocean", "inference.do-ai.run", "/v1"),
        ("xiaomi", "api.xiaomimimo.com", "/v1"),
    ],
)
def test_a_known_provider_needs_no_address(prefix: str, host: str, path: str) -> None:
    """Its public address gives the cluster the provider's name."""
    found = gateway(a_file(a_provider(f"{prefix}/m")))

    assert found.upstreams.by_id == {
        TargetId(f"{prefix}/m"): Upstream(prefix, host, "m", path_prefix=path, keys=("sk-test",))
    }
    assert found.clusters == (Cluster(prefix, host, 443, tls=True, connect_timeout=5000, idle_timeout=45_000),)
    assert found.catalog.targets[TargetId(f"{prefix}/m")].endpoint == f"https://{host}:443"


def test_the_tests_know_every_provider() -> None:
    """The three others have tests of their own: Ollama, Azure OpenAI, and those that are not known."""
    assert len(PROVIDERS) == 15 + 2


def test_ollama_is_local_and_needs_no_key() -> None:
    found = gateway(a_file({"model": "ollama/llama3"}))

    assert found.clusters == (
        Cluster("ollama", "localhost", 11434, tls=False, connect_timeout=5000, idle_timeout=45_000),
    )
    assert found.catalog.targets[TargetId("ollama/llama3")].credential is Credential.NONE


def test_azure_openai_has_the_deployment_in_the_path_and_a_version_in_the_query() -> None:
    entry = a_provider("azure_openai/my-gpt4", base_url="https://mine.openai.azure.com")

    assert upstream(entry) == Upstream(
        "https_mine.openai.azure.com_443",
        "mine.openai.azure.com",
        "my-gpt4",
        path_prefix="/openai/deployments/my-gpt4",
        query="api-version=2024-10-21",
        credential_style=CredentialStyle.API_KEY,
        keys=("sk-test",),
    )


@pytest.mark.parametrize(
    ("base_url", "path", "query"),
    [
        (
            "https://mine.openai.azure.com?api-version=2025-01-01-preview",
            "/openai/deployments/a%2Fb",
            "api-version=2025-01-01-preview",
        ),
        ("https://mine.openai.azure.com/openai/v1", "/openai/v1", ""),
    ],
)
def test_azure_openai_with_another_version_or_without_any(base_url: str, path: str, query: str) -> None:
    """A path of one's own is the newer API, which has neither deployments nor versions in its addresses."""
    found = upstream(a_provider("azure_openai/a/b", base_url=base_url))

    assert (found.path_prefix, found.query) == (path, query)


def test_azure_openai_needs_an_address() -> None:
    assert problems(a_file(a_provider("azure_openai/d"))) == [
        "model_providers[0].base_url: is required: each account of this provider has its own address"
    ]


def test_a_wildcard_of_azure_openai_leaves_a_place_for_the_deployment() -> None:
    found = gateway(a_file(a_provider("azure_openai/*", base_url="https://mine.openai.azure.com"))).upstreams

    assert found.wildcards["azure_openai"].path_prefix == "/openai/deployments/*"


def test_an_unknown_provider_needs_an_interface_and_an_address() -> None:
    entry = a_provider("mine/m", base_url="http://10.0.0.1:8000", provider_interface="groq")

    assert upstream(entry) == Upstream(
        "http_10.0.0.1_8000", "10.0.0.1:8000", "m", path_prefix="/openai/v1", keys=("sk-test",)
    )


@pytest.mark.parametrize("keys", [{}, {"base_url": "http://a.example"}, {"provider_interface": "openai"}])
def test_an_unknown_provider_without_the_two_is_refused(keys: Table) -> None:
    (said,) = problems(a_file({"model": "mine/m", **keys}))

    assert said.startswith("model_providers[0].model: the provider is not one of openai, anthropic, ")
    assert said.endswith("any other provider needs both provider_interface and base_url")


def test_a_known_provider_has_its_own_interface() -> None:
    assert problems(a_file(a_provider(P, provider_interface="openai"))) == []
    assert problems(a_file(a_provider(S, provider_interface="claude"))) == []
    assert problems(a_file(a_provider(P, provider_interface="claude"))) == [
        (
            "model_providers[0].provider_interface: contradicts the model's provider, which is built in: remove it, "
            "or give the provider another name"
        )
    ]


@pytest.mark.parametrize(
    ("base_url", "path", "authority"),
    [
        ("http://127.0.0.1:8081", "/openai/v1", "127.0.0.1:8081"),
        ("http://127.0.0.1:8081/", "/openai/v1", "127.0.0.1:8081"),
        ("https://proxy.example/llm/v2/", "/llm/v2", "proxy.example"),
    ],
)
def test_an_addresss_path_replaces_the_providers_own(base_url: str, path: str, authority: str) -> None:
    """Without one the provider's stays: a mock of Groq is asked where Groq is."""
    found = upstream(a_provider("groq/m", base_url=base_url))

    assert (found.path_prefix, found.authority) == (path, authority)


def test_what_a_target_sends_beside_its_credential() -> None:
    entry = a_provider(
        P, headers={"X-Team": "search"}, http_host="front.example:8443", timeouts={"first_byte": "2.5s"}, cluster="mine"
    )
    found = upstream(entry)

    assert (found.headers, found.authority, found.first_byte, found.cluster) == (
        {"x-team": "search"},
        "front.example:8443",
        2500,
        "mine",
    )


@pytest.mark.parametrize(
    ("entry", "credential", "keys"),
    [
        (a_provider(P), Credential.OWN, ("sk-test",)),
        (a_provider(P, access_keys=["a", "b"]), Credential.OWN, ("a", "b")),
        (a_provider(P, passthrough_auth=True), Credential.CLIENT, ()),
        (a_provider(P, passthrough_auth=True, access_key="a"), Credential.CLIENT, ()),
        ({"model": P}, Credential.MISSING, ()),
        ({"model": P, "base_url": "http://127.0.0.1:8081"}, Credential.NONE, ()),
        ({"model": P, "base_url": "https://api.openai.com/v1"}, Credential.MISSING, ()),
        ({"model": "azure_openai/d", "base_url": "https://a.openai.azure.com"}, Credential.MISSING, ()),
        (
            {"model": "mine/m", "base_url": "http://127.0.0.1:1", "provider_interface": "openai"},
            Credential.NONE,
            (),
        ),
    ],
)
def test_whose_credential_is_sent(entry: Table, credential: Credential, keys: tuple[str, ...]) -> None:
    """A server of one's own may ask for none; a vendor never does."""
    found, sent = target(entry), upstream(entry)

    assert (found.credential, found.keys, sent.keys) == (credential, len(keys), keys)
    assert sent.passthrough is (credential is Credential.CLIENT)


def test_what_providers_speak() -> None:
    """No format is translated: a candidate must speak what the client spoke."""
    messages = {prefix for prefix, provider in PROVIDERS.items() if Api.MESSAGES in provider.apis}
    responses = {prefix for prefix, provider in PROVIDERS.items() if Api.RESPONSES in provider.apis}

    assert PROVIDERS["anthropic"].apis == {Api.MESSAGES, Api.ANTHROPIC, Api.CHAT, Api.OTHER}
    assert messages == {"anthropic", "vercel", "ollama"}
    assert responses == {
        "openai", "groq", "xai", "moonshotai", "qwen", "openrouter", "vercel", "digitalocean", "ollama",
    }  # fmt: skip
    assert messages == {prefix for prefix, provider in PROVIDERS.items() if Api.ANTHROPIC in provider.apis}
    assert all(provider.apis >= {Api.CHAT, Api.OTHER} for provider in PROVIDERS.values())
    assert PROVIDERS["openai"].apis == frozenset(Api) - {Api.MESSAGES, Api.ANTHROPIC}


def names_of_clusters(*entries: Table) -> list[str]:
    """Return the names of a file's clusters."""
    return [cluster.name for cluster in gateway(a_file(*entries)).clusters]


def test_a_cluster_is_one_endpoint() -> None:
    """Scheme, host and port: two servers on one host are two, two models on one server are one."""
    found = names_of_clusters(
        a_provider(P, base_url="http://a.example:8081"),
        a_provider("openai/b", base_url="http://a.example:8082"),
        a_provider("openai/c", base_url="https://a.example:8081"),
        a_provider("openai/d", base_url="http://a.example:8081/v2"),
        a_provider("openai/e", base_url="http://[::1]:8081"),
    )

    assert found == ["http_a.example_8081", "http_a.example_8082", "https_a.example_8081", "http_--1_8081"]


def test_a_public_address_that_is_spelled_out_is_the_same_cluster() -> None:
    assert names_of_clusters(a_provider(P), a_provider("openai/b", base_url="https://api.openai.com/v1")) == ["openai"]


def test_an_explicit_cluster_may_stand_beside_a_derived_one() -> None:
    """So that one model's connections are counted and broken apart from the others'."""
    found = names_of_clusters(a_provider(P), a_provider("openai/b", cluster="outbound|443||api.openai.com"))

    assert found == ["openai", "outbound|443||api.openai.com"]


def test_where_a_cluster_is_first_used_is_known() -> None:
    """For the warning about an Envoy that does not declare it."""
    clusters = gateway(a_file(a_provider(P), a_provider("openai/b"), a_provider(S))).clusters

    assert [cluster.place for cluster in clusters] == ["model_providers[0]", "model_providers[2]"]


OTHER_ENDPOINT = "model_providers[0] uses the same cluster with another scheme, host or port"
OTHER_TIMEOUTS = (
    "model_providers[0] uses the same cluster with other timeouts (connect, idle, between_bytes): make them equal, or "
    "give one of the two a `cluster` of its own"
)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            a_provider(P, cluster="c", base_url="http://a.example:1"),
            a_provider(S, cluster="c", base_url="http://a.example:2"),
            f"cluster: {OTHER_ENDPOINT}",
        ),
        (
            a_provider(P, cluster="anthropic"),
            a_provider(S),
            f"model: {OTHER_ENDPOINT}",
        ),
        (
            a_provider(P, cluster="http_a.example_1"),
            a_provider(S, base_url="http://a.example:1"),
            f"base_url: {OTHER_ENDPOINT}",
        ),
        (
            a_provider(P, timeouts={"connect": "1s"}),
            a_provider("openai/b"),
            f"timeouts: {OTHER_TIMEOUTS}",
        ),
        (
            a_provider(P, cluster="c", timeouts={"idle": "1s"}),
            a_provider("openai/b", cluster="c", timeouts={"idle": "2s"}),
            f"timeouts: {OTHER_TIMEOUTS}",
        ),
    ],
)
def test_a_cluster_is_not_two_things_at_once(first: Table, second: Table, said: str) -> None:
    assert problems(a_file(first, second)) == [f"model_providers[1].{said}"]


def test_targets_of_one_cluster_may_have_first_byte_limits_of_their_own() -> None:
    """That limit is sent with each attempt; the cluster knows nothing of it."""
    assert names_of_clusters(a_provider(P, timeouts={"first_byte": "1s"}), a_provider("openai/b")) == ["openai"]


@pytest.mark.parametrize("name", ["extproc", "attempt", "degraded"])
def test_our_own_clusters_cannot_be_named(name: str) -> None:
    assert problems(a_file(a_provider(cluster=name))) == [
        "model_providers[0].cluster: this name is reserved for a cluster of the gateway"
    ]
