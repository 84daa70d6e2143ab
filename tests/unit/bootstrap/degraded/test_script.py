"""What becomes of a request that Envoy sends to the default target by itself."""

from __future__ import annotations

import pytest
from support.config import files
from support.envoy.lua import Script

from extproc.bootstrap.degraded.plan import degraded_of

CHAT = {":path": "/v1/chat/completions", "content-type": "application/json", "content-length": "0"}
CLIENTS = {"authorization": "Bearer client", "x-api-key": "client", "api-key": "client", "cookie": "client"}


def a_script(*providers: files.Table, **top: object) -> Script:
    """Return the script for a file with *providers*, the first of which is the default."""
    first, *others = providers
    document = files.a_file({**first, "default": True}, *others, sidecar={"on_failure": "default_provider"}, **top)
    plan = degraded_of(files.gateway(document))
    assert plan is not None
    return Script(plan.script)


OPENAI = a_script(
    files.a_provider("openai/gpt-4o"),
    files.a_provider("openai/gpt-4o-mini", name="cheap"),
    files.a_provider("openai/other-account", access_key="sk-other"),
    files.a_provider(files.S),
    model_aliases={"quick": {"target": "cheap"}},
)


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ("openai/gpt-4o", "gpt-4o"),
        ("gpt-4o", "gpt-4o"),
        ("openai\\/gpt-4o", "gpt-4o"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("cheap", "gpt-4o-mini"),
        ("quick", "gpt-4o-mini"),
        ("openai/other-account", "gpt-4o"),
        (files.S, "gpt-4o"),
        ("openai/unknown", "gpt-4o"),
        ("\\u006fpenai/gpt-4o-mini", "gpt-4o"),
        ("", "gpt-4o"),
    ],
)
def test_a_model_of_the_defaults_own_is_kept(named: str, sent: str) -> None:
    """Whatever it is called; what needs another key, another address, or is not known, becomes the default."""
    body = f'{{"a": 1, "model": "{named}", "b": {{"model": "{named}"}}}}'.encode()

    assert OPENAI.spliced(body) == f'{{"a": 1, "model": "{sent}", "b": {{"model": "{named}"}}}}'.encode()


def test_a_wildcard_beside_the_default_takes_any_name() -> None:
    """As the sidecar would: without the prefix."""
    script = a_script(files.a_provider("openai/gpt-4o"), files.a_provider("openai/*"), files.a_provider(files.S))

    assert script.spliced(b'{"model": "openai/new-one"}') == b'{"model": "new-one"}'
    assert script.spliced(b'{"model": "openai/"}') == b'{"model": "gpt-4o"}'
    assert script.spliced(f'{{"model": "{files.S}"}}'.encode()) == b'{"model": "gpt-4o"}'


def test_a_wildcard_with_a_key_of_its_own_takes_none() -> None:
    script = a_script(files.a_provider("openai/gpt-4o"), files.a_provider("openai/*", access_key="sk-other"))

    assert script.spliced(b'{"model": "openai/new-one"}') == b'{"model": "gpt-4o"}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'"model": "x"',
        b'{"messages": []}',
        b'{"model": null}',
        b'{"model": ["x"]}',
        b'["model", "x"]',
        b'{"a": "model"}',
        b'{"mode": "x", "models": "y"}',
        b'{"model": "unfinished',
        b'{"model": "unfinished\\"}',
        b'{"a": "\\"model\\": \\"x\\""}',
        b'{"model": "gpt-4o"}',
    ],
)
def test_a_body_without_another_model_is_left_alone(body: bytes) -> None:
    assert OPENAI.spliced(body) == body


@pytest.mark.parametrize(
    ("path", "body", "sent"),
    [
        ("openai%2Fgpt-4o-mini", b'{"a": {}}', b'{"model": "gpt-4o-mini", "a": {}}'),
        ("openai/gpt-4o-mini", b'{"model": "x"}', b'{"model": "gpt-4o-mini"}'),
        ("unknown", b'{"model": "openai/gpt-4o-mini"}', b'{"model": "gpt-4o"}'),
        ("unknown", b" { }", b' {"model": "gpt-4o" }'),
        ("unknown", b"[]", b"[]"),
        ('x%22,"y', b"{}", b'{"model": "gpt-4o"}'),
    ],
)
def test_a_model_in_the_path_is_the_model(path: str, body: bytes, sent: bytes) -> None:
    """Of the AzureOpenAI SDK, whose body may say nothing."""
    request = OPENAI.request({**CHAT, ":path": f"/openai/deployments/{path}/chat/completions?api-version=1"}, body)

    assert request.sent[":path"] == "/v1/chat/completions"
    assert request.sent_body == sent


def test_a_repeated_model_is_replaced_everywhere() -> None:
    """The last one counts, as with the sidecar."""
    body = b'{"model": "openai/gpt-4o", "model":null, "model" :\n"cheap"}'

    assert OPENAI.spliced(body) == b'{"model": "gpt-4o-mini", "model":null, "model" :\n"gpt-4o-mini"}'


def test_the_clients_credentials_do_not_leave() -> None:
    """What stands for the default's own is put there before the script runs."""
    request = OPENAI.request({**CHAT, **CLIENTS, "authorization": "Bearer ours", "accept": "*/*"}, b'{"model": "x"}')

    assert request.sent == {
        **CHAT,
        "content-length": "19",
        "authorization": "Bearer ours",
        "accept": "*/*",
    }
    assert request.sent_body == b'{"model": "gpt-4o"}'


def test_the_clients_credentials_leave_where_they_should() -> None:
    script = a_script(files.a_provider(passthrough_auth=True))

    assert script.request({**CHAT, **CLIENTS, "proxy-authorization": "x"}).sent == {**CHAT, **CLIENTS}


@pytest.mark.parametrize("path", ["/v1/messages", "/messages?beta=true", "/v1/messages/count_tokens/"])
def test_anthropics_api_has_a_credential_and_a_version_of_its_own(path: str) -> None:
    sent = a_script(files.a_provider(files.S)).request({":path": path, **CLIENTS, "x-api-key": "ours"}).sent

    assert sent == {
        ":path": ("/v1" if not path.startswith("/v1") else "") + path.rstrip("/"),
        "x-api-key": "ours",
        "anthropic-version": "2023-06-01",
    }


def test_the_clients_version_is_kept_for_it_and_for_it_alone() -> None:
    script, version = a_script(files.a_provider(files.S)), {"anthropic-version": "2024-01-01"}

    assert script.request({":path": "/v1/messages", **version}).sent == {":path": "/v1/messages", **version}
    assert script.request({**CHAT, **version}).sent == CHAT


def test_an_operators_header_wins() -> None:
    script = a_script(files.a_provider(files.S, headers={"anthropic-version": "2025-01-01", "cookie": "a=b"}))
    injected = {"anthropic-version": "2025-01-01", "cookie": "a=b", "x-api-key": "ours", "authorization": "Bearer ours"}

    assert script.request({":path": "/v1/messages", **injected}).sent == {
        ":path": "/v1/messages",
        "anthropic-version": "2025-01-01",
        "cookie": "a=b",
        "x-api-key": "ours",
    }


@pytest.mark.parametrize(
    ("provider", "path", "sent"),
    [
        ({"model": "groq/x"}, "/v1/chat/completions", "/openai/v1/chat/completions"),
        ({"model": "groq/x"}, "/chat/completions?a=b?c", "/openai/v1/chat/completions?a=b?c"),
        ({"model": "openai/x", "base_url": "http://h.test/p"}, "/v1/embeddings", "/p/embeddings"),
        ({"model": "openai/x"}, "/v1/embeddings/", "/v1/embeddings"),
        ({"model": "openai/x"}, "/v1/v1/embeddings", "/v1/embeddings"),
        ({"model": "openai/x"}, "/openai/v1/embeddings?key=sk-a&a=1&API_KEY=sk-b", "/v1/embeddings?a=1"),
        ({"model": "openai/x", "passthrough_auth": True}, "/v1/embeddings?key=sk-a", "/v1/embeddings?key=sk-a"),
        ({"model": "openai/x"}, "/openai/deployments/y/embeddings?api-version=1", "/v1/embeddings"),
        (
            {"model": "azure_openai/x", "base_url": "https://h.test"},
            "/v1/chat/completions",
            "/openai/deployments/x/chat/completions?api-version=2024-10-21",
        ),
        (
            {"model": "azure_openai/x", "base_url": "https://h.test"},
            "/v1/chat/completions?a=1&b",
            "/openai/deployments/x/chat/completions?a=1&b&api-version=2024-10-21",
        ),
        (
            {"model": "azure_openai/x", "base_url": "https://h.test"},
            "/v1/chat/completions?api-version=7",
            "/openai/deployments/x/chat/completions?api-version=7",
        ),
    ],
)
def test_the_path_is_the_providers(provider: files.Table, path: str, sent: str) -> None:
    assert a_script(files.a_provider(**provider)).request({**CHAT, ":path": path}).sent[":path"] == sent  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "is_json"),
    [
        ({"content-type": "application/json"}, True),
        ({"content-type": "Application/JSON ; charset=utf-8"}, True),
        ({"content-type": "application/vnd.api+json"}, True),
        ({"content-type": "application/json, text/plain"}, True),
        ({"content-type": "application/json", "content-encoding": "identity"}, True),
        ({}, True),
        ({"content-type": "text/plain"}, True),
        ({"content-type": "application/x-www-form-urlencoded"}, True),
        ({"content-type": "application/json", "content-encoding": "gzip"}, False),
        ({"content-type": "multipart/form-data; boundary=x"}, False),
        ({"content-type": "application/octet-stream"}, True),
        ({"content-type": "text/json; charset=utf-8"}, True),
        ({"content-type": "application/octet-stream", "content-encoding": "gzip"}, False),
        ({"content-type": "audio/wav"}, False),
        ({"content-type": "Image/PNG"}, False),
    ],
)
def test_only_json_is_changed(headers: dict[str, str], *, is_json: bool) -> None:
    """What the sidecar takes for JSON, and nothing else."""
    request = OPENAI.request({":path": "/v1/chat/completions", **headers}, b'{"model": "openai/gpt-4o"}')

    assert (request.sent_body == b'{"model": "gpt-4o"}') is is_json
    assert ("content-length" in request.sent) is is_json


@pytest.mark.parametrize("before", [b"\r\n ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\t"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_blanks_before_it_hide_nothing(kind: str, before: bytes) -> None:
    headers = {":path": "/v1/chat/completions", "content-type": kind}

    assert OPENAI.request(headers, before + b'{"model": "openai/gpt-4o"}').sent_body == before + b'{"model": "gpt-4o"}'


@pytest.mark.parametrize("kind", [None, "text/plain", "application/octet-stream"])
def test_what_is_not_called_json_must_look_like_it(kind: str | None) -> None:
    headers = {":path": "/v1/chat/completions"} | ({} if kind is None else {"content-type": kind})
    body = b'say {"model": "openai/gpt-4o"}'

    assert OPENAI.request(headers, body).sent_body == body


AUDIO = {":path": "/v1/audio/transcriptions", "content-type": 'Multipart/Form-Data; x=1; boundary="b"'}


def a_form(model: str | None, *, first: bytes = b"") -> bytes:
    """Return a form with a file and perhaps a *model*, *first* of all."""
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="model"\r\n\r\n\x00\r\n--bx\r\n\xff\r\n'
    named = f'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n'.encode()
    return first + file + (b"" if model is None else named) + b"--b--\r\n"


@pytest.mark.parametrize(
    ("named", "sent"),
    [("openai/gpt-4o-mini", "gpt-4o-mini"), ("quick", "gpt-4o-mini"), (files.S, "gpt-4o"), ('x"', "gpt-4o")],
)
def test_a_forms_model_is_changed_like_jsons(named: str, sent: str) -> None:
    request = OPENAI.request(AUDIO, a_form(named))

    assert request.sent_body == a_form(sent)
    assert request.sent["content-length"] == str(len(a_form(sent)))


@pytest.mark.parametrize("body", [a_form(None), a_form("gpt-4o"), a_form("cheap")[:-9], b""])
def test_a_form_without_another_model_is_left_alone(body: bytes) -> None:
    """And one that cannot be read."""
    request = OPENAI.request(AUDIO, body)

    assert request.sent_body == body
    assert "content-length" not in request.sent


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed;boundary=b"]
)
def test_what_is_no_form_is_left_alone(kind: str) -> None:
    body = a_form("cheap")

    assert OPENAI.request({**AUDIO, "content-type": kind}, body).sent_body == body


def test_a_model_in_the_path_is_put_into_a_form() -> None:
    path = "/openai/deployments/cheap/audio/transcriptions"
    part = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\ngpt-4o-mini\r\n'

    request = OPENAI.request({**AUDIO, ":path": path}, a_form(None))

    assert request.sent_body == a_form(None, first=part)
