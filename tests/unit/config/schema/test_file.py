"""Types, ranges and required keys of the file: every error with its place."""

from __future__ import annotations

import pytest
from support.config.files import AT_POLICY, P, a_file, a_provider, policy, problems, with_policy

PROVIDER = "model_providers[0]"
WHOLE = "expected an integer"
MAP = "expected a mapping"
EMPTY = "is empty: give it a value or remove the key"
DURATION = "expected a duration above zero with its unit, such as 500ms, 5s or 5m"
NAME = "is not a valid header name"
VALUE = "must be printable ASCII without a line break or a space at its ends, and not empty"
KEY = "must be printable ASCII without spaces or line breaks, and without a leading `Bearer`"
STRATEGIES = "expected one of same_model, same_provider, different_provider"
FRAMING = "this header is set by HTTP itself and cannot be configured"
ORIGIN = (
    "expected an origin as browsers write it, such as https://app.example.com or http://localhost:5173: in lower case, "
    "without a path; https://*.example.com is every host below example.com, http://localhost:* every port, * every page"
)
INTERNAL = "headers that begin with x-extproc-, x-arch-, x-envoy- are internal"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "the file is empty: at least version and model_providers are required"),
        ("# nothing\n", "the file is empty: at least version and model_providers are required"),
        ("- a\n", "the file must be a mapping with version, model_providers and so on"),
        ("text", "the file must be a mapping with version, model_providers and so on"),
        ("$NAME", "the file must be a mapping with version, model_providers and so on"),
    ],
)
def test_the_file_must_be_a_map(document: str, said: str) -> None:
    assert problems(document, {"NAME": "x"}) == [said]


@pytest.mark.parametrize("version", ["v0.1", "v0.1.0", "0.1-beta", "0.2.0", "v0.3.0", "v0.4.0"])
def test_all_versions_of_the_base_format_are_read(version: str) -> None:
    assert problems({**a_file(), "version": version}) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "v0.5.0"}, "version: expected one of v0.1, v0.1.0, 0.1-beta, 0.2.0, v0.3.0, v0.4.0"),
        ({"version": 0.1}, "version: expected one of v0.1, v0.1.0, 0.1-beta, 0.2.0, v0.3.0, v0.4.0"),
        ({"version": None}, f"version: {EMPTY}"),
        ({"model_providers": []}, "model_providers: needs at least 1 item"),
        ({"model_providers": None}, f"model_providers: {EMPTY}"),
        ({"model_providers": {"model": P}}, "model_providers: expected a list"),
        ({"model_providers": [P]}, f"model_providers[0]: {MAP}"),
        ({"listeners": []}, "listeners: needs at least 1 item"),
        ({"listeners": {"egress_traffic": {}}}, "listeners: expected a list"),
        ({"model_aliases": []}, f"model_aliases: {MAP}"),
        ({"model_aliases": {"a": P}}, f"model_aliases.a: {MAP}"),
        ({"model_aliases": {"a": {}}}, "model_aliases.a.target: is required"),
        ({"model_aliases": {"": {"target": P}}}, "model_aliases[?]: must not be empty"),
        ({"sidecar": None}, f"sidecar: {EMPTY}"),
        ({"sidecar": {"workers": 0}}, "sidecar.workers: must be at least 1"),
        ({"sidecar": {"workers": 257}}, "sidecar.workers: must be at most 256"),
        ({"sidecar": {"workers": 1.5}}, f"sidecar.workers: {WHOLE}"),
        ({"sidecar": {"workers": True}}, f"sidecar.workers: {WHOLE}"),
        ({"sidecar": {"max_body_bytes": 0}}, "sidecar.max_body_bytes: must be at least 1"),
        ({"sidecar": {"max_body_bytes": 2**31}}, "sidecar.max_body_bytes: must be at most 2147483647"),
        ({"sidecar": {"log_format": "xml"}}, "sidecar.log_format: expected one of text, json"),
        ({"envoy": {"retry_budget": {"percent": -0.5}}}, "envoy.retry_budget.percent: must be at least 0"),
        ({"envoy": {"retry_budget": {"percent": 100.5}}}, "envoy.retry_budget.percent: must be at most 100"),
        ({"envoy": {"retry_budget": {"percent": "20"}}}, "envoy.retry_budget.percent: expected a number"),
        ({"envoy": {"retry_budget": {"percent": float("nan")}}}, "envoy.retry_budget.percent: expected a number"),
        (
            {"envoy": {"retry_budget": {"min_concurrency": -1}}},
            "envoy.retry_budget.min_concurrency: must be at least 0",
        ),
        ({"routing": {}}, "routing: unknown key"),
        ({"model_provider": []}, "model_provider: unknown key; did you mean model_providers?"),
    ],
)
def test_the_top_level(change: dict[str, object], said: str) -> None:
    assert problems({**a_file(), **change}) == [said]


def test_required_keys_of_the_top_level() -> None:
    assert problems({"sidecar": {}}) == ["version: is required", "model_providers: is required"]


@pytest.mark.parametrize(
    ("listener", "said"),
    [
        ({}, ["listeners[0].type: is required"]),
        ({"type": "prompt"}, ["listeners[0].type: only listeners of type model are supported; remove this one"]),
        ({"type": "agent"}, ["listeners[0].type: only listeners of type model are supported; remove this one"]),
        ({"type": "tcp"}, ["listeners[0].type: expected one of model"]),
        ({"type": "model", "name": ""}, ["listeners[0].name: must not be empty"]),
        ({"type": "model", "port": 0}, ["listeners[0].port: must be at least 1"]),
        ({"type": "model", "port": 65536}, ["listeners[0].port: must be at most 65535"]),
        ({"type": "model", "port": "12000"}, [f"listeners[0].port: {WHOLE}"]),
        ({"type": "model", "timeout": 300}, [f"listeners[0].timeout: {DURATION}"]),
        ({"type": "model", "router": "x"}, ["listeners[0].router: unknown key"]),
        ({"type": "model", "cors": None}, [f"listeners[0].cors: {EMPTY}"]),
        ({"type": "model", "cors": {}}, ["listeners[0].cors.allow_origins: is required"]),
        ({"type": "model", "cors": {"allow_origins": []}}, ["listeners[0].cors.allow_origins: needs at least 1 item"]),
        ({"type": "model", "cors": {"allow_origins": "*"}}, ["listeners[0].cors.allow_origins: expected a list"]),
    ],
)
def test_listeners(listener: dict[str, object], said: list[str]) -> None:
    assert problems(a_file(listeners=[listener])) == said


def test_there_is_one_listener_of_type_model() -> None:
    listeners = [{"type": "model"}, {"type": "prompt"}, {"type": "model", "port": 12001}]

    assert problems(a_file(listeners=listeners)) == [
        "listeners[1].type: only listeners of type model are supported; remove this one",
        "listeners[2]: only one listener of type model is allowed; the first is listeners[0]",
    ]


@pytest.mark.parametrize("text", ["5", "5 s", "-5s", "0s", "0.0s", "0ms", "0.5ms", "5d", "1e3s", "5S", "", "12345678s"])
def test_what_is_no_duration(text: str) -> None:
    """A number without a unit could be seconds or milliseconds; zero would switch the limit off."""
    assert problems(a_file(a_provider(timeouts={"connect": text}))) == [f"{PROVIDER}.timeouts.connect: {DURATION}"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"model": "gpt-4o"}, "model: expected provider/model, or provider/* for any model of that provider"),
        ({"model": "openai/"}, "model: expected provider/model, or provider/* for any model of that provider"),
        ({"model": "/gpt-4o"}, "model: expected provider/model, or provider/* for any model of that provider"),
        ({"model": "openai/gpt-*"}, "model: expected provider/model, or provider/* for any model of that provider"),
        ({"model": "openai/gpt 4"}, "model: expected provider/model, or provider/* for any model of that provider"),
        ({"model": "openai/g\x7fpt"}, "model: expected provider/model, or provider/* for any model of that provider"),
        ({"model": 4}, "model: expected a string; quote the value"),
        ({"model": None}, f"model: {EMPTY}"),
        ({"name": ""}, "name: must not be empty"),
        ({"name": None}, f"name: {EMPTY}"),
        ({"name": 1.0}, "name: expected a string; quote the value"),
        ({"name": []}, "name: expected a string"),
        ({"access_key": ""}, "access_key: is empty"),
        ({"access_key": 123456}, "access_key: expected a string; quote the value"),
        ({"access_key": None}, f"access_key: {EMPTY}"),
        ({"access_key": "sk-secret\n"}, f"access_key: {KEY}"),
        ({"access_key": "Bearer sk-secret"}, f"access_key: {KEY}"),
        ({"access_key": "sk-secret\x00"}, f"access_key: {KEY}"),
        ({"access_key": "schlüssel"}, f"access_key: {KEY}"),
        ({"access_keys": []}, "access_keys: needs at least 1 item"),
        ({"access_keys": "sk"}, "access_keys: expected a list"),
        ({"access_keys": ["sk", "s k"]}, f"access_keys[1]: {KEY}"),
        ({"access_key": "a", "access_keys": ["b"]}, "access_keys: access_key is set, too: use one of the two"),
        ({"base_url": None}, f"base_url: {EMPTY}"),
        ({"default": "yes"}, "default: expected a boolean: true or false"),
        ({"default": 1}, "default: expected a boolean: true or false"),
        ({"passthrough_auth": None}, f"passthrough_auth: {EMPTY}"),
        ({"cluster": "a b"}, "cluster: must be printable ASCII without spaces, at most 255 characters"),
        ({"cluster": ""}, "cluster: must be printable ASCII without spaces, at most 255 characters"),
        ({"timeouts": {"idle": None}}, f"timeouts.idle: {DURATION}"),
        ({"timeouts": {"first_byte": 5}}, f"timeouts.first_byte: {DURATION}"),
        ({"timeouts": {"read": "5s"}}, "timeouts.read: unknown key"),
        ({"acces_key": "sk-secret"}, "acces_key: unknown key; did you mean access_key?"),
        ({"access_key:sk-secret": None}, "[?]: unknown key; is a space missing after its colon?"),
        ({"sk-proj-8a7b": "x"}, "[?]: unknown key"),
        ({"headers": ["x-a: b"]}, f"headers: {MAP}"),
        ({"headers": {"x-a": 1}}, "headers.x-a: expected a string; quote the value"),
        ({"headers": {"x-a": ""}}, f"headers.x-a: {VALUE}"),
        ({"headers": {"x-a": "b\r\nx-b: c"}}, f"headers.x-a: {VALUE}"),
        ({"headers": {"x-a": " b"}}, f"headers.x-a: {VALUE}"),
        ({"headers": {"x a": "b"}}, f"headers[?]: {NAME}"),
        ({"headers": {":path": "/"}}, f'headers[":path"]: {NAME}'),
        ({"headers": {"Host": "a"}}, "headers.Host: set the Host header with http_host"),
        ({"headers": {"Content-Length": "1"}}, f"headers.Content-Length: {FRAMING}"),
        ({"headers": {"transfer-encoding": "chunked"}}, f"headers.transfer-encoding: {FRAMING}"),
        ({"headers": {"connection": "close"}}, f"headers.connection: {FRAMING}"),
        ({"headers": {"Upgrade": "h2c"}}, f"headers.Upgrade: {FRAMING}"),
        ({"headers": {"x-extproc-state": "a"}}, f"headers.x-extproc-state: {INTERNAL}"),
        ({"headers": {"X-Arch-LLM-Provider": "a"}}, f"headers.X-Arch-LLM-Provider: {INTERNAL}"),
        ({"headers": {"x-envoy-retry-on": "5xx"}}, f"headers.x-envoy-retry-on: {INTERNAL}"),
    ],
)
def test_providers(keys: dict[str, object], said: str) -> None:
    joint = "" if said.startswith("[") else "."

    assert problems(a_file({**a_provider(), **keys})) == [f"{PROVIDER}{joint}{said}"]


@pytest.mark.parametrize("prefix", ["amazon_bedrock", "bedrock", "aws_bedrock", "Amazon_Bedrock", "amazon", "aws"])
def test_amazon_bedrock_is_refused_with_the_reason(prefix: str) -> None:
    (said,) = problems(a_file(a_provider(f"{prefix}/claude")))

    assert said.startswith(f"{PROVIDER}.model: Amazon Bedrock needs another wire format")


def test_bedrock_is_no_interface_either() -> None:
    entry = a_provider("mine/claude", base_url="http://a.example", provider_interface="amazon_bedrock")
    (said,) = problems(a_file(entry))

    assert said.startswith(f"{PROVIDER}.provider_interface: Amazon Bedrock needs another wire format")


def test_an_unknown_interface_is_reported_with_the_known_ones() -> None:
    entry = a_provider("mine/m", base_url="http://a.example", provider_interface="cohere")
    (said,) = problems(a_file(entry))

    assert said.startswith(f"{PROVIDER}.provider_interface: expected one of openai, anthropic, mistral, ")


CODES = 'expected a status code such as 429, or a range in quotes such as "500-599"'


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, ": is empty: write {} for retries with all defaults, or remove the key to disable retries"),
        ([], f": {MAP}"),
        ({"max_total_attempt": 1}, ".max_total_attempt: unknown key; did you mean max_total_attempts?"),
        ({"fallback_models": [""]}, ".fallback_models[0]: expected provider/model"),
        ({"fallback_models": ["gpt-4o"]}, ".fallback_models[0]: expected provider/model"),
        ({"fallback_models": ["openai/"]}, ".fallback_models[0]: expected provider/model"),
        ({"fallback_models": P}, ".fallback_models: expected a list"),
        ({"default_strategy": "other_provider"}, f".default_strategy: {STRATEGIES}"),
        ({"default_max_attempts": -1}, ".default_max_attempts: must be at least 0"),
        ({"default_max_attempts": None}, f".default_max_attempts: {EMPTY}"),
        ({"candidate_order": "best"}, ".candidate_order: expected one of random, round_robin, priority"),
        ({"on_status_codes": {}}, ".on_status_codes: expected a list"),
        ({"on_status_codes": [{}]}, ".on_status_codes[0].codes: is required"),
        ({"on_status_codes": [{"codes": []}]}, ".on_status_codes[0].codes: needs at least 1 item"),
        ({"on_status_codes": [{"codes": 429}]}, ".on_status_codes[0].codes: expected a list"),
        ({"on_status_codes": [{"codes": [99]}]}, ".on_status_codes[0].codes[0]: status codes go from 100 to 599"),
        ({"on_status_codes": [{"codes": [429, 600]}]}, ".on_status_codes[0].codes[1]: status codes go from 100 to 599"),
        (
            {"on_status_codes": [{"codes": ["500-600"]}]},
            ".on_status_codes[0].codes[0]: status codes go from 100 to 599",
        ),
        (
            {"on_status_codes": [{"codes": ["599-500"]}]},
            ".on_status_codes[0].codes[0]: the range is reversed: its first code is greater than its last",
        ),
        ({"on_status_codes": [{"codes": ["5xx"]}]}, f".on_status_codes[0].codes[0]: {CODES}"),
        ({"on_status_codes": [{"codes": ["500-"]}]}, f".on_status_codes[0].codes[0]: {CODES}"),
        ({"on_status_codes": [{"codes": ["500 - 599"]}]}, f".on_status_codes[0].codes[0]: {CODES}"),
        ({"on_status_codes": [{"codes": ["429"]}]}, f".on_status_codes[0].codes[0]: {CODES}"),
        ({"on_status_codes": [{"codes": [True]}]}, f".on_status_codes[0].codes[0]: {CODES}"),
        ({"on_status_codes": [{"codes": [429.5]}]}, f".on_status_codes[0].codes[0]: {CODES}"),
        (
            {"on_status_codes": [{"codes": [429], "max_attempts": -1}]},
            ".on_status_codes[0].max_attempts: must be at least 0",
        ),
        ({"on_status_codes": [{"codes": [429], "strategy": "x"}]}, f".on_status_codes[0].strategy: {STRATEGIES}"),
        ({"on_status_codes": [{"codes": [429], "backoff": {}}]}, ".on_status_codes[0].backoff.apply_to: is required"),
        ({"on_timeout": None}, f".on_timeout: {EMPTY}"),
        ({"on_timeout": {"max_attempts": 0}}, ".on_timeout.max_attempts: must be at least 1"),
        ({"on_timeout": {"after_ms": -1}}, ".on_timeout.after_ms: must be at least 0"),
        ({"repeat_window_ms": 60_001}, ".repeat_window_ms: must be at most 60000"),
        ({"repeat_window_ms": -1}, ".repeat_window_ms: must be at least 0"),
        ({"on_timeout": {"block_duration_seconds": -1}}, ".on_timeout.block_duration_seconds: must be at least 0"),
        ({"on_connection_error": {"max_attempts": -1}}, ".on_connection_error.max_attempts: must be at least 0"),
        ({"on_connection_error": {"after_ms": 1}}, ".on_connection_error.after_ms: unknown key"),
        ({"on_high_latency": {}}, ".on_high_latency.threshold_ms: is required"),
        ({"on_high_latency": {"threshold_ms": 0}}, ".on_high_latency.threshold_ms: must be at least 1"),
        (
            {"on_high_latency": {"threshold_ms": 1, "measure": "p99"}},
            ".on_high_latency.measure: expected one of ttfb, total",
        ),
        (
            {"on_high_latency": {"threshold_ms": 1, "max_attempts": 0}},
            ".on_high_latency.max_attempts: must be at least 1",
        ),
        (
            {"on_high_latency": {"threshold_ms": 1, "block_duration_seconds": 0}},
            ".on_high_latency.block_duration_seconds: must be at least 1",
        ),
        (
            {"on_high_latency": {"threshold_ms": 1, "scope": "endpoint"}},
            ".on_high_latency.scope: expected one of model, provider",
        ),
        (
            {"on_high_latency": {"threshold_ms": 1, "apply_to": "all"}},
            ".on_high_latency.apply_to: expected one of request, global",
        ),
        (
            {"on_high_latency": {"threshold_ms": 1, "min_triggers": 0}},
            ".on_high_latency.min_triggers: must be at least 1",
        ),
        (
            {"on_high_latency": {"threshold_ms": 1, "min_triggers": 2, "trigger_window_seconds": 0}},
            (
                ".on_high_latency.trigger_window_seconds: must be at least 1: "
                "more than one trigger needs a window to count in"
            ),
        ),
        ({"backoff": None}, f".backoff: {EMPTY}"),
        ({"backoff": {}}, ".backoff.apply_to: is required"),
        ({"backoff": {"apply_to": "model"}}, ".backoff.apply_to: expected one of same_model, same_provider, global"),
        ({"backoff": {"apply_to": "global", "base_ms": 0}}, ".backoff.base_ms: must be at least 1"),
        (
            {"backoff": {"apply_to": "global", "base_ms": 100, "max_ms": 100}},
            ".backoff.max_ms: must be greater than base_ms",
        ),
        (
            {"backoff": {"apply_to": "global", "base_ms": 200, "max_ms": 100}},
            ".backoff.max_ms: must be greater than base_ms",
        ),
        ({"backoff": {"apply_to": "global", "base_ms": 5000}}, ".backoff.max_ms: must be greater than base_ms"),
        (
            {"backoff": {"apply_to": "global", "jitter": "some"}},
            ".backoff.jitter: expected true, false, full, equal or decorrelated",
        ),
        (
            {"retry_after_handling": {"scope": "key"}},
            ".retry_after_handling.scope: expected one of model, provider, endpoint",
        ),
        (
            {"retry_after_handling": {"max_retry_after_seconds": 0}},
            ".retry_after_handling.max_retry_after_seconds: must be at least 1",
        ),
        (
            {"retry_after_handling": {"max_wait_seconds": 0}},
            ".retry_after_handling.max_wait_seconds: must be at least 1",
        ),
        ({"max_retry_duration_ms": 0}, ".max_retry_duration_ms: must be at least 1"),
        ({"max_total_attempts": 0}, ".max_total_attempts: must be at least 1"),
        ({"max_total_attempts": 51}, ".max_total_attempts: must be at most 50"),
        ({"second_round": {"rounds": 0}}, ".second_round.rounds: must be at least 1"),
        ({"second_round": {"rounds": 6}}, ".second_round.rounds: must be at most 5"),
        ({"second_round": {"delay_ms": -1}}, ".second_round.delay_ms: must be at least 0"),
        ({"second_round": False}, f".second_round: {MAP}"),
        ({"idempotency_header": "a b"}, f".idempotency_header: {NAME}"),
        ({"idempotency_header": "x-extproc-key"}, f".idempotency_header: {INTERNAL}"),
        ({"idempotency_header": "host"}, ".idempotency_header: set the Host header with http_host"),
        ({"client_retries": True}, ".client_retries: expected one of discourage, allow"),
    ],
)
def test_retry_policies(table: object, said: str) -> None:
    assert problems(with_policy(table)) == [f"{AT_POLICY}{said}"]


def test_a_window_may_be_off_when_one_trigger_is_enough() -> None:
    assert policy({"on_high_latency": {"threshold_ms": 5000, "trigger_window_seconds": 0}}).high_latency is not None


def test_a_whole_number_may_be_written_with_a_point() -> None:
    """5.0 is an integer to JSON Schema, so it is one here."""
    assert policy({"max_total_attempts": 5.0}).max_total_attempts == 5


def test_all_problems_are_reported_at_once() -> None:
    """Wrong types, broken rules between keys and between entries, dead ends: one run shows them all."""
    document = a_file(
        a_provider(default=True, retry_policy={"on_status_codes": [{"codes": [42]}]}),
        a_provider(default=True, name="twin", cluster="attempt", colour="red"),
        a_provider("nobody/m"),
        model_aliases={"a": {"target": "b"}},
        sidecar={"workers": 0},
    )

    assert [said.partition(": ")[0] for said in problems(document)] == [
        "model_providers[0].retry_policy.on_status_codes[0].codes[0]",
        "model_providers[1].colour",
        "sidecar.workers",
        "model_providers[1].model",
        "model_aliases.a.target",
        "model_providers[2].model",
        "model_providers[1].cluster",
        "model_providers[1].default",
    ]


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://app.example.com",
        "http://localhost:5173",
        "http://localhost:*",
        "http://[::1]:3000",
        "https://*.example.com",
        "https://*.example.com:*",
        "chrome-extension://abcdef",
        "http://a.example:443",
    ],
)
def test_origins_are_written_as_browsers_write_them(origin: str) -> None:
    assert problems(a_file(listeners=[{"type": "model", "cors": {"allow_origins": [origin]}}])) == []


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("https://app.example.com/", ORIGIN),
        ("https://app.example.com/path", ORIGIN),
        ("https://App.example.com", ORIGIN),
        ("app.example.com", ORIGIN),
        ("https://*", ORIGIN),
        ("https://*example.com", ORIGIN),
        ("https://a.*.example.com", ORIGIN),
        ("https://a*.example.com", ORIGIN),
        ("*.example.com", ORIGIN),
        ("https://user@example.com", ORIGIN),
        ("null", ORIGIN),
        ("", ORIGIN),
        ("https://bücher.example", ORIGIN),
        ("https://a.example\n", ORIGIN),
        ("https://app.example.com:443", "omit the scheme's default port, as browsers do"),
        ("http://app.example.com:80", "omit the scheme's default port, as browsers do"),
    ],
)
def test_what_is_no_origin(origin: str, said: str) -> None:
    """It would fit no page, and nobody would know why."""
    document = a_file(listeners=[{"type": "model", "cors": {"allow_origins": ["https://a.example", origin]}}])

    assert problems(document) == [f"listeners[0].cors.allow_origins[1]: {said}"]
