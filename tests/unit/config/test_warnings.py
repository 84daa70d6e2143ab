"""What is allowed but hardly meant."""

from __future__ import annotations

import pytest
from support.config.files import AT_POLICY, P, S, Table, a_file, a_provider, gateway, warnings, with_policy

from extproc.config.errors import Problem
from extproc.config.warnings import undeclared_clusters


def codes(*codes: object, **keys: object) -> Table:
    """Return an entry of on_status_codes."""
    return {"codes": list(codes), **keys}


def test_an_ordinary_policy_has_no_warnings() -> None:
    assert warnings(with_policy({"fallback_models": [S], "on_status_codes": [codes(429, "500-599")]})) == []


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([codes(429), codes(429)], ["[1].codes[0]: 429 never matches here: on_status_codes[0] comes first"]),
        (
            [codes("500-503"), codes(429, "502-599")],
            ["[1].codes[1]: 502-503 never matches here: on_status_codes[0] comes first"],
        ),
        (
            [codes(502), codes(504), codes("500-599")],
            ["[2].codes[0]: 502, 504 never matches here: on_status_codes[0], on_status_codes[1] comes first"],
        ),
        ([codes(429, "400-450")], []),
    ],
)
def test_a_code_that_an_earlier_entry_has(entries: list[Table], said: list[str]) -> None:
    """Within one entry a code may stand twice: it is found either way."""
    assert warnings(with_policy({"on_status_codes": entries})) == [
        f"{AT_POLICY}.on_status_codes{text}" for text in said
    ]


EVERY_PAGE = "* lets every web page call this gateway with your keys from a visitor's browser, and read the responses"
NEVER = "does not apply to any strategy in use: there is never a delay"


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"backoff": {"apply_to": "same_model"}}, [f"backoff.apply_to: same_model {NEVER}"]),
        ({"backoff": {"apply_to": "same_provider"}}, [f"backoff.apply_to: same_provider {NEVER}"]),
        ({"backoff": {"apply_to": "global"}}, []),
        ({"backoff": {"apply_to": "same_model"}, "default_strategy": "same_model"}, []),
        ({"backoff": {"apply_to": "same_provider"}, "default_strategy": "same_model"}, []),
        (
            {"backoff": {"apply_to": "same_model"}, "default_strategy": "same_provider"},
            [f"backoff.apply_to: same_model {NEVER}"],
        ),
        ({"backoff": {"apply_to": "same_model"}, "on_status_codes": [codes(429, strategy="same_model")]}, []),
        ({"backoff": {"apply_to": "same_model"}, "on_timeout": {"strategy": "same_model"}}, []),
        ({"backoff": {"apply_to": "same_model"}, "on_connection_error": {"strategy": "same_model"}}, []),
        (
            {
                "backoff": {"apply_to": "same_model"},
                "on_status_codes": [codes(429, strategy="same_model", backoff={"apply_to": "same_model"})],
            },
            [f"backoff.apply_to: same_model {NEVER}"],
        ),
        (
            {"backoff": {"apply_to": "same_model"}, "default_strategy": "same_model", "default_max_attempts": 0},
            [f"backoff.apply_to: same_model {NEVER}"],
        ),
        (
            {"on_status_codes": [codes(429, backoff={"apply_to": "same_model"})]},
            [f"on_status_codes[0].backoff.apply_to: same_model {NEVER}"],
        ),
    ],
)
def test_a_backoff_that_no_strategy_reaches(policy: Table, said: list[str]) -> None:
    """A wait happens only before an attempt that stays within the back-off's scope."""
    assert warnings(with_policy(policy)) == [f"{AT_POLICY}.{text}" for text in said]


@pytest.mark.parametrize(("base", "ceiling", "warned"), [(100, 199, True), (100, 200, False)])
def test_a_backoff_that_cannot_grow(base: int, ceiling: int, *, warned: bool) -> None:
    backoff = {"apply_to": "global", "base_ms": base, "max_ms": ceiling}
    said = f"{AT_POLICY}.backoff.max_ms: is less than twice base_ms: the delay never doubles"

    assert warnings(with_policy({"backoff": backoff})) == ([said] if warned else [])


ALONE = f"{AT_POLICY}: uses the strategy different_provider, but there is no other usable provider"


@pytest.mark.parametrize(
    ("policy", "others", "said"),
    [
        ({}, [a_provider("openai/mini")], [ALONE]),
        ({}, [a_provider("anthropic/*")], [ALONE]),
        ({}, [a_provider(S, passthrough_auth=True)], [ALONE]),
        ({"default_strategy": "same_provider"}, [a_provider("openai/mini")], []),
        ({"default_strategy": "same_model", "on_timeout": {"strategy": "different_provider"}}, [], [ALONE]),
        (
            {"default_strategy": "same_model", "on_status_codes": [codes(429, strategy="different_provider")]},
            [],
            [ALONE],
        ),
        (
            {
                "default_strategy": "same_model",
                "on_high_latency": {"threshold_ms": 1000, "strategy": "different_provider"},
            },
            [],
            [ALONE],
        ),
        ({"default_max_attempts": 0}, [], []),
        ({}, [a_provider(S)], []),
        ({}, [{"model": "ollama/llama3"}], []),
    ],
)
def test_a_failover_that_has_nowhere_to_go(policy: Table, others: list[Table], said: list[str]) -> None:
    """Wildcards are no candidates, and a client's credential is good for one provider only."""
    assert warnings(a_file(a_provider(retry_policy=policy), *others)) == said


def test_fallbacks_that_lead_nowhere_or_back() -> None:
    policy = {"fallback_models": ["openai/gpt-9", S, P, "xai/grok"]}

    assert warnings(with_policy(policy, a_provider(S), a_provider("xai/*"))) == [
        f"{AT_POLICY}.fallback_models[0]: is not a configured model: it is ignored",
        f"{AT_POLICY}.fallback_models[2]: is the model of this policy itself",
        f"{AT_POLICY}.fallback_models[3]: is not a configured model: it is ignored",
    ]


@pytest.mark.parametrize(
    ("model", "fallback", "warned"),
    [
        ("openai/text-embedding-3-small", "gemini/gemini-embedding-001", True),
        ("mistral/mistral-embed", "openai/gpt-4o", True),
        ("together_ai/BAAI/bge-m3", "ollama/nomic", True),
        ("openai/gpt-4o", "mistral/mistral-embed", True),
        ("openai/text-embedding-3-small", "vercel/openai/text-embedding-3-small", False),  # the same model elsewhere
        ("openai/text-embedding-3-small", "deepseek/x", False),  # which makes none
        ("openai/gpt-4o", "mistral/mistral-large", False),
        ("openai/abge-chat", "mistral/mistral-large", False),
    ],
)
def test_a_fallback_for_embeddings_is_another_vector_space(model: str, fallback: str, *, warned: bool) -> None:
    """It is asked because the file names it; its author should know what comes of it."""
    said = warnings(a_file(a_provider(model, retry_policy={"fallback_models": [fallback]}), a_provider(fallback)))

    told = [line for line in said if "vector space" in line]
    assert [line.partition(": ")[0] for line in told] == [f"{AT_POLICY}.fallback_models[0]"] * warned


def test_a_fallback_may_be_called_by_its_configured_name() -> None:
    assert warnings(with_policy({"fallback_models": ["my/claude"]}, a_provider(S, name="my/claude"))) == []


def test_a_providers_retry_after_together_with_same_model() -> None:
    policy = {"retry_after_handling": {"scope": "provider"}, "on_status_codes": [codes(429, strategy="same_model")]}

    assert warnings(with_policy(policy)) == [
        (
            f"{AT_POLICY}.retry_after_handling.scope: provider: one model's Retry-After blocks all models of the "
            "provider, although same_model retries only one"
        )
    ]


def test_slow_responses_of_a_provider_together_with_same_model() -> None:
    policy = {"on_high_latency": {"threshold_ms": 1000, "scope": "provider", "strategy": "same_model"}}

    assert warnings(with_policy(policy)) == [
        (
            f"{AT_POLICY}.on_high_latency.scope: provider: one slow model blocks all models of the provider, "
            "although same_model retries only one"
        )
    ]


def test_a_latency_threshold_under_a_second() -> None:
    assert warnings(with_policy({"on_high_latency": {"threshold_ms": 999}})) == [
        f"{AT_POLICY}.on_high_latency.threshold_ms: is under 1000 ms: ordinary responses may count as slow"
    ]


@pytest.mark.parametrize("model", [S, "anthropic/*"])
def test_a_target_without_a_usable_credential(model: str) -> None:
    assert warnings(a_file(a_provider(P), {"model": model})) == [
        (
            "model_providers[1]: has no access_key, and its provider requires one: it is never a failover target, "
            "and requests for it will be rejected"
        )
    ]


@pytest.mark.parametrize(("key", "value"), [("access_key", "sk"), ("access_keys", ["sk"])])
def test_a_key_beside_passthrough_auth_is_not_used(key: str, value: object) -> None:
    assert warnings(a_file({"model": P, "passthrough_auth": True, key: value})) == [
        f"model_providers[0].{key}: is not used: passthrough_auth sends the client's own credential"
    ]


def test_a_provider_that_envoy_does_not_know() -> None:
    """For an Envoy that somebody else configures: the place is that of the first target of the cluster."""
    found = gateway(a_file(a_provider(P), a_provider(S), a_provider("anthropic/b")))

    assert undeclared_clusters(found, {"openai", "extproc"}) == (
        Problem("model_providers[1]", "Envoy's configuration declares no cluster anthropic: every request to it fails"),
    )
    assert undeclared_clusters(found, {"openai", "anthropic"}) == ()


@pytest.mark.parametrize(("origins", "warned"), [(["https://a.example", "*"], True), (["https://*.a.example"], False)])
def test_every_page_may_call(origins: list[str], warned: bool) -> None:  # noqa: FBT001 -- a parameter of the table
    said = warnings(a_file(listeners=[{"type": "model", "cors": {"allow_origins": origins}}]))

    assert said == [f"listeners[0].cors.allow_origins: {EVERY_PAGE}"][: int(warned)]
