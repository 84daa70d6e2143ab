"""The JSON Schema says the same as the loader, as far as a schema can say it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.config.files import TLS, P, S, Table, a_file, a_provider, problems, with_policy

from extproc.config.schema.json_schema import json_schema

SCHEMA = json_schema()
VALIDATOR: Any = Draft202012Validator(SCHEMA)
ENVIRON = {"TEXT": "text", "NUMBER": "5", "TRUE": "true", "URL": "http://a.example", "MODEL": P, "TIME": "5s"}


def code(*codes: object, **keys: object) -> Table:
    """Return a file whose policy has one entry of on_status_codes."""
    return with_policy({"on_status_codes": [{"codes": list(codes), **keys}]})


def latency(**keys: object) -> Table:
    """Return a file whose policy looks at slow answers."""
    return with_policy({"on_high_latency": {"threshold_ms": 2000, **keys}})


def backoff(**keys: object) -> Table:
    """Return a file whose policy has a back-off."""
    return with_policy({"backoff": {"apply_to": "global", **keys}})


def listener(**keys: object) -> Table:
    """Return a file with one listener."""
    return a_file(listeners=[{"type": "model", **keys}])


GOOD = [
    a_file(),
    {"version": "0.1-beta", "llm_providers": [a_provider()]},
    a_file(a_provider(default=True), a_provider(S), a_provider("xai/*", default=False)),
    a_file(a_provider(default=True), a_provider(S, default=True)),
    a_file(a_provider(access_keys=["a", "b"], name="n", http_host="a.example:1", cluster="c|d")),
    a_file(a_provider(passthrough_auth=True, headers={"X-A": "b c", "authorization": "Basic x"})),
    a_file(a_provider(timeouts={"connect": "500ms", "first_byte": None, "idle": "1h"})),
    a_file(a_provider(timeouts={"first_byte": "1.5s"})),
    a_file(a_provider("mine/m", provider_interface="claude", base_url="http://[::1]:80/a/b")),
    a_file(a_provider("azure_openai/d", base_url="https://a.openai.azure.com?api-version=2024-10-21")),
    a_file(model_aliases={"a": {"target": P}, "b": {"target": "a"}}),
    listener(name="n", address="::", port=1, timeout="5m"),
    listener(cors={"allow_origins": ["*", "https://*.a.example", "http://localhost:*", "app://x"]}),
    a_file(sidecar={"listen": "unix:/x", "workers": 2, "admin": "localhost:0"}),
    a_file(sidecar={"max_body_bytes": 1, "log_format": "json", "socket_mode": "0660", "socket_group": "envoy"}),
    a_file(sidecar={"listen": "localhost:1", "insecure": True}, envoy={"admin": "unix:/x"}),
    a_file(sidecar={"listen": "a.example:1", "tls": {**TLS, "server_name": "::1"}}),
    a_file(envoy={"admin": "[::1]:1", "retry_budget": {"percent": 0.5, "min_concurrency": 0}}),
    with_policy({}),
    with_policy({"fallback_models": [S, "un/known"], "default_max_attempts": 0, "candidate_order": "round_robin"}),
    with_policy({"on_timeout": {"after_ms": 0}, "on_connection_error": {"strategy": "same_model", "max_attempts": 0}}),
    with_policy({"max_retry_duration_ms": 1, "max_total_attempts": 50, "second_round": {"rounds": 5, "delay_ms": 0}}),
    with_policy({"idempotency_header": "Idempotency-Key", "client_retries": "allow", "max_total_attempts": 5.0}),
    with_policy({"retry_after_handling": {"scope": "endpoint", "apply_to": "request", "max_wait_seconds": 1}}),
    code(100, 599, "400-499", strategy="same_provider", max_attempts=0, backoff={"apply_to": "same_model"}),
    latency(measure="total", scope="provider", min_triggers=2),
    latency(min_triggers=1, trigger_window_seconds=0),
    backoff(base_ms=1, max_ms=2, jitter=False),
    backoff(jitter="decorrelated"),
    # References, wherever a value may stand.
    a_file(a_provider("$MODEL", access_key="$TEXT", base_url="${URL}/v1", default="$TRUE", name="${TEXT}-x")),
    a_file(a_provider(headers={"x-a": "b $$ ${TEXT}"}, timeouts={"connect": "${TIME:=1s}"}, http_host="$TEXT")),
    a_file(sidecar={"workers": "${NUMBER}", "listen": "unix:/${TEXT}", "log_format": "${X:=json}"}),
    listener(port="${PORT:=12000}", address="${HOST:=127.0.0.1}"),
    with_policy({"default_strategy": "${X:=same_model}", "default_max_attempts": "$NUMBER"}),
    code("${X:=429}", "${X:=500-599}"),
    backoff(jitter="$TRUE", max_ms="${X:=7000}"),
    {**a_file(), "version": "${X:=v0.4.0}"},
]  # fmt: skip

BAD = [
    [],
    {},
    {"version": "v0.4.0"},
    {**a_file(), "version": "v9"},
    {**a_file(), "version": None},
    {**a_file(), "unknown": 1},
    {**a_file(), "llm_providers": [a_provider(S)]},
    {**a_file(), "model_providers": []},
    {**a_file(), "model_providers": {}},
    a_file(P),
    a_file({"access_key": "k"}),
    a_file(a_provider("gpt-4o")),
    a_file(a_provider("openai/")),
    a_file(a_provider("openai/a*")),
    a_file(a_provider("bedrock/claude")),
    a_file(a_provider("Amazon_Bedrock/claude", base_url="http://a.example", provider_interface="openai")),
    a_file(a_provider("mine/m")),
    a_file(a_provider("mine/m", base_url="http://a.example")),
    a_file(a_provider("mine/m", base_url="http://a.example", provider_interface="cohere")),
    a_file(a_provider("azure_openai/d")),
    a_file(a_provider("openai/*", default=True)),
    a_file(a_provider(default="yes")),
    a_file(a_provider(name="")),
    a_file(a_provider(name=None)),
    a_file(a_provider(access_key="")),
    a_file(a_provider(access_key="a b")),
    a_file(a_provider(access_key="a\n")),
    a_file(a_provider(access_key="a$b")),
    a_file(a_provider(access_key="a", access_keys=["b"])),
    a_file(a_provider(access_keys=[])),
    a_file(a_provider(base_url="api.openai.com")),
    a_file(a_provider(base_url="https://user:pass@a.example")),
    a_file(a_provider(base_url="https://a.example/v1?x=y")),
    a_file(a_provider(base_url="https://a.example/$PATH")),
    a_file(a_provider(http_host="a/b")),
    a_file(a_provider(cluster="a b")),
    a_file(a_provider(headers={"x a": "b"})),
    a_file(a_provider(headers={"x-a": "b\n"})),
    a_file(a_provider(headers={"x-a": 1})),
    a_file(a_provider(headers={"HOST": "a"})),
    a_file(a_provider(headers={"Content-Length": "1"})),
    a_file(a_provider(headers={"X-Envoy-Retry-On": "5xx"})),
    a_file(a_provider(timeouts={"connect": "5"})),
    a_file(a_provider(timeouts={"connect": "0s"})),
    a_file(a_provider(timeouts={"connect": "0.000s"})),
    a_file(a_provider(timeouts={"connect": "1.5ms"})),
    a_file(a_provider(timeouts={"connect": 5})),
    a_file(a_provider(timeouts={"connect": None})),
    a_file(a_provider(timeouts=None)),
    a_file(model_aliases={"a": P}),
    a_file(model_aliases={"": {"target": P}}),
    a_file(listeners=[]),
    a_file(listeners=[{"type": "model"}, {"type": "model"}]),
    a_file(listeners=[{"type": "prompt"}]),
    a_file(listeners=[{"name": "n"}]),
    listener(port=0),
    listener(port="12000"),
    listener(address="localhost"),
    listener(cors=None),
    listener(cors={}),
    listener(cors={"allow_origins": []}),
    listener(cors={"allow_origins": ["https://a.example/"]}),
    listener(cors={"allow_origins": ["https://a.example:443"]}),
    listener(cors={"allow_origins": ["null"]}),
    a_file(sidecar={"listen": "50051"}),
    a_file(sidecar={"workers": 1.5}),
    a_file(sidecar={"socket_mode": "0666"}),
    a_file(sidecar={"socket_mode": 384}),
    a_file(sidecar={"listen": "localhost:1"}),
    a_file(sidecar={"insecure": "yes"}),
    a_file(sidecar={"tls": {**TLS, "key": "key.pem"}}),
    a_file(sidecar={"tls": {"ca": "/ca.pem"}}),
    a_file(envoy={"admin": "unix:x"}),
    a_file(sidecar={"admin": "1064"}),
    a_file(envoy={"retry_budget": {"percent": 101}}),
    a_file(envoy={"admin": "localhost:9901"}),
    with_policy(None),
    with_policy({"retries": 1}),
    with_policy({"fallback_models": ["gpt-4o"]}),
    with_policy({"default_strategy": "same"}),
    with_policy({"default_max_attempts": -1}),
    with_policy({"on_timeout": {"max_attempts": 0}}),
    with_policy({"on_timeout": {"strategy": None}}),
    with_policy({"max_total_attempts": 0}),
    with_policy({"max_total_attempts": 51}),
    with_policy({"second_round": {"rounds": 6}}),
    with_policy({"idempotency_header": "X-Extproc-Key"}),
    with_policy({"idempotency_header": "a b"}),
    with_policy({"client_retries": False}),
    with_policy({"retry_after_handling": {"max_wait_seconds": 0}}),
    code(),
    code(99),
    code(600),
    code("429"),
    code("5xx"),
    code(429.5),
    with_policy({"on_status_codes": [{"codes": [True]}]}),
    latency(threshold_ms=0),
    latency(scope="endpoint"),
    latency(min_triggers=2, trigger_window_seconds=0),
    backoff(apply_to="all"),
    backoff(base_ms=0),
    backoff(jitter="some"),
    with_policy({"backoff": {}}),
    with_policy({"backoff": None}),
]  # fmt: skip


@pytest.mark.parametrize("document", GOOD)
def test_what_the_loader_accepts_the_schema_accepts(document: Table) -> None:
    assert problems(document, ENVIRON) == []
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize("document", BAD)
def test_what_the_loader_rejects_the_schema_rejects(document: Table) -> None:
    assert problems(document, ENVIRON) != []
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    "document",
    [
        backoff(base_ms=5, max_ms=5),
        code("599-500"),
        a_file(a_provider(), a_provider()),
        a_file(a_provider(name="a"), a_provider(S, name="a")),
        a_file(model_aliases={"a": {"target": "nobody"}}),
        a_file(a_provider(cluster="attempt")),
        a_file(a_provider(base_url="http://a.example:70000")),
        a_file(a_provider(provider_interface="claude")),
        a_file(sidecar={"workers": "$UNSET"}),
        a_file(sidecar={"listen": "a.example:1", "insecure": True}),
        a_file(sidecar={"workers": "$TEXT"}),
    ],
)
def test_what_only_the_loader_can_reject(document: Table) -> None:
    """These compare values, follow names, or need the environment."""
    assert problems(document, ENVIRON) != []
    assert VALIDATOR.is_valid(document)


def test_the_schema_is_a_valid_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_default_in_the_schema_is_one_that_may_be_written() -> None:
    """Editors offer it."""
    definitions = SCHEMA["$defs"]
    assert isinstance(definitions, dict)
    checked = 0
    for table in definitions.values():
        assert isinstance(table, dict)
        keys = table.get("properties", {})
        assert isinstance(keys, dict)
        for key in keys.values():
            assert isinstance(key, dict)
            if "default" in key:
                Draft202012Validator({**key, "$defs": definitions}).validate(key["default"])
                checked += 1

    assert checked > 30


def test_a_number_is_described_with_its_limits_its_default_and_what_may_stand_for_it() -> None:
    """A probe, so that a schema that accepts everything would be noticed."""
    found = yaml.safe_load(yaml.safe_dump(SCHEMA))["$defs"]["RetryPolicyTable"]["properties"]["max_total_attempts"]

    assert found == {
        "anyOf": [{"type": "integer", "minimum": 1, "maximum": 50}, {"$ref": "#/$defs/Reference"}],
        "default": 10,
    }
