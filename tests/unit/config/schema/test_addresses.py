import pytest
from support.config.files import a_file, a_provider, gateway, problems

from extproc.addresses import TcpAddress, parse_address
from extproc.config.schema.addresses import BaseUrl, parse_base_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.openai.com", BaseUrl("https", "api.openai.com", 443)),
        ("https://api.openai.com/", BaseUrl("https", "api.openai.com", 443)),
        ("https://API.openai.com/v1/", BaseUrl("https", "api.openai.com", 443, "/v1")),
        ("http://127.0.0.1:8081", BaseUrl("http", "127.0.0.1", 8081)),
        ("http://mock_openai/a/b%20c", BaseUrl("http", "mock_openai", 80, "/a/b%20c")),
        ("http://[::1]:8080/v1", BaseUrl("http", "::1", 8080, "/v1")),
        (
            "https://x.openai.azure.com?api-version=2025-01-01-preview",
            BaseUrl("https", "x.openai.azure.com", 443, None, "api-version=2025-01-01-preview"),
        ),
    ],
)
def test_an_address_is_taken_apart(text: str, url: BaseUrl) -> None:
    """A path of nothing but a slash is no path."""
    assert parse_base_url(text) == url


@pytest.mark.parametrize(
    ("text", "endpoint", "authority"),
    [
        ("https://a.example/v1", "https://a.example:443", "a.example"),
        ("https://a.example:8443", "https://a.example:8443", "a.example:8443"),
        ("http://a.example:443", "http://a.example:443", "a.example:443"),
        ("http://[::1]", "http://[::1]:80", "[::1]"),
    ],
)
def test_the_schemes_own_port_is_part_of_the_endpoint_but_not_of_the_host_header(
    text: str, endpoint: str, authority: str
) -> None:
    url = parse_base_url(text)

    assert (url.endpoint, url.authority) == (endpoint, authority)


SCHEME = "expected an address that begins with http:// or https://"
HOST = "needs a valid host, and a port of 1 to 65535 if it has one"
PATH = "the path must be made of plain segments: no spaces, no *, no empty ones, no . or .."


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (5, SCHEME),
        ("api.openai.com", SCHEME),
        ("ftp://a.example", SCHEME),
        (" https://a.example", SCHEME),
        ("https://", HOST),
        ("https://:80", HOST),
        ("https://a.example:0", HOST),
        ("https://a.example:65536", HOST),
        ("https://a.example:port", HOST),
        ("https://a.example:", HOST),
        ("https://a.example?", HOST),
        ("https://-a.example", HOST),
        ("https://a b", HOST),
        ("https://[::1", HOST),
        ("https://a\n.example", HOST),
        ("https://bücher.example", HOST),
        ("https://user:sk-secret@a.example", "must not contain a user name or password; keys belong in access_key"),
        ("https://a.example/v1#top", "must not contain a fragment (#)"),
        ("https://a.example/v1?key=sk-secret", "must not contain a query, except ?api-version=…"),
        ("https://a.example/a//b", PATH),
        ("https://a.example/../b", PATH),
        ("https://a.example/a b", PATH),
        ("https://a.example/*", PATH),
    ],
)
def test_a_bad_address_is_reported_without_repeating_it(value: object, said: str) -> None:
    """A key may stand in any part of it."""
    assert problems(a_file(a_provider(base_url=value))) == [f"model_providers[0].base_url: {said}"]


@pytest.mark.parametrize(
    ("path", "resource", "write"),
    [
        ("/v1/chat/completions", "/chat/completions", "…/v1"),
        ("/openai/v1/chat/completions/", "/chat/completions", "…/openai/v1"),
        ("/v1/messages", "/messages", "…/v1"),
        ("/v1/responses", "/responses", "…/v1"),
        ("/v1/embeddings", "/embeddings", "…/v1"),
        ("/v1/completions", "/completions", "…/v1"),
        ("/v1/models", "/models", "…/v1"),
        ("/v1/files", "/files", "…/v1"),
        ("/chat/completions", "/chat/completions", "the part before it"),
        ("/sk-secret/embeddings", "/embeddings", "the part before it"),
        ("/openai/deployments/d/chat/completions?api-version=1", "/chat/completions", "the part before it"),
    ],
)
def test_an_address_ends_before_what_requests_ask_for(path: str, resource: str, write: str) -> None:
    """Each of them would go to `/chat/completions/chat/completions`."""
    assert problems(a_file(a_provider(base_url=f"https://a.example{path}"))) == [
        f"model_providers[0].base_url: must not end in {resource}, which each request appends: write {write}"
    ]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/chat", "Ollama's own API, which is not supported: its OpenAI-compatible one ends in /v1"),
        ("/api/generate/", "Ollama's own API, which is not supported: its OpenAI-compatible one ends in /v1"),
        ("/api/embeddings", "Ollama's own API, which is not supported: its OpenAI-compatible one ends in /v1"),
        *(
            (path, "Gemini's own API, which is not supported: its OpenAI-compatible one ends in /v1beta/openai")
            for path in ("/v1beta", "/v1beta/models", "/v1beta/models/g:generateContent", "/x:streamGenerateContent")
        ),
    ],
)
def test_an_api_in_a_format_of_its_own_is_no_address(path: str, said: str) -> None:
    """It is on the same host, and its documentation begins with it."""
    assert problems(a_file(a_provider(base_url=f"https://a.example{path}"))) == [
        f"model_providers[0].base_url: ends in {said}"
    ]


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/v1beta/openai", "/api/chat/v1", "/inference", "/models/v1"])
def test_what_only_looks_like_one_is_an_address(path: str) -> None:
    """Open WebUI's ends in /api, for one."""
    assert problems(a_file(a_provider(base_url=f"https://a.example{path}"))) == []


HOST_PORT = "expected host:port, such as 127.0.0.1:9901"
IP = "expected an IP address, such as 0.0.0.0: Envoy does not listen on host names"


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ({"sidecar": {"admin": "1064"}}, f"sidecar.admin: {HOST_PORT}"),
        ({"sidecar": {"admin": "localhost:70000"}}, f"sidecar.admin: {HOST_PORT}"),
        ({"sidecar": {"admin": ":1064"}}, f"sidecar.admin: {HOST_PORT}"),
        ({"envoy": {"admin": "9901"}}, f"envoy.admin: {HOST_PORT}"),
        ({"envoy": {"admin": "localhost:9901"}}, f"envoy.admin: {IP}"),
        ({"listeners": [{"type": "model", "address": "localhost"}]}, f"listeners[0].address: {IP}"),
        (
            {"sidecar": {"listen": "50051"}},
            "sidecar.listen: expected unix:/path/to/socket, or host:port such as 127.0.0.1:50051",
        ),
        (
            {"sidecar": {"listen": "unix:"}},
            "sidecar.listen: expected unix: and a path of at most 107 bytes without spaces",
        ),
        (
            {"sidecar": {"listen": "unix:/" + "é" * 54}},
            "sidecar.listen: expected unix: and a path of at most 107 bytes without spaces",
        ),
        (
            {"sidecar": {"listen": "unix:/" + "x" * 107}},
            "sidecar.listen: expected unix: and a path of at most 107 bytes without spaces",
        ),
    ],
)
def test_what_we_listen_on_must_be_an_address(top: dict[str, object], said: str) -> None:
    assert problems(a_file(**top)) == [said]


@pytest.mark.parametrize("listen", ["unix:/run/extproc.sock", "unix:relative.sock", "localhost:0", "[::1]:50051"])
def test_the_sidecar_listens_on_a_socket_file_or_a_port(listen: str) -> None:
    """Port 0 is any free one."""
    assert gateway(a_file(sidecar={"listen": listen, "insecure": True})).sidecar.listen == parse_address(listen)


@pytest.mark.parametrize(
    ("listen", "addresses"),
    [
        ("unix:/run/x.sock", ("unix:/run/x.0.sock", "unix:/run/x.1.sock", "unix:/run/x.2.sock")),
        ("unix:/run.d/x", ("unix:/run.d/x.0", "unix:/run.d/x.1", "unix:/run.d/x.2")),
        ("localhost:50051", ("localhost:50051", "localhost:50052", "localhost:50053")),
        ("[::1]:50051", ("[::1]:50051", "[::1]:50052", "[::1]:50053")),
        ("localhost:0", ("localhost:0",) * 3),
    ],
)
def test_each_worker_has_an_address_of_its_own(listen: str, addresses: tuple[str, ...]) -> None:
    several = gateway(a_file(sidecar={"listen": listen, "insecure": True, "workers": 3})).sidecar
    single = gateway(a_file(sidecar={"listen": listen, "insecure": True})).sidecar

    assert tuple(map(str, several.addresses)) == addresses
    assert single.addresses == (parse_address(listen),)


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("localhost:65535", "localhost:65536: expected unix:/path/to/socket, or host:port such as 127.0.0.1:50051"),
        (
            "unix:/" + "x" * 105,
            f"unix:/{'x' * 105}.1: expected unix: and a path of at most 107 bytes without spaces",
        ),
    ],
)
def test_the_last_workers_address_must_be_one(listen: str, said: str) -> None:
    assert problems(a_file(sidecar={"listen": listen, "workers": 2})) == [
        f"sidecar.workers: the last of 2 workers would listen on {said}"
    ]


def test_ip_addresses_of_both_kinds_are_taken() -> None:
    found = gateway(a_file(listeners=[{"type": "model", "address": "::"}], envoy={"admin": "[::1]:9901"}))

    assert (found.listener.address, found.envoy.admin) == ("::", TcpAddress("::1", 9901))


@pytest.mark.parametrize("value", ["a b", "a:b", "", "a/b", "a\n"])
def test_http_host_must_be_a_host(value: str) -> None:
    assert problems(a_file(a_provider(http_host=value))) == [
        "model_providers[0].http_host: expected a host name, with :port if need be"
    ]
