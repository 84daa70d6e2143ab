"""The configuration that is fuzzed: something of everything that a file may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BODY = 1024 * 1024

KEYS: Mapping[str, tuple[str, ...]] = {
    "openai": ("sk-fuzz-openai-1", "sk-fuzz-openai-2", "sk-fuzz-openai-3"),
    "anthropic": ("sk-fuzz-anthropic",),
    "mistral": ("sk-fuzz-mistral-1", "sk-fuzz-mistral-2"),
    "azure_openai": ("sk-fuzz-azure",),
    "groq": ("sk-fuzz-groq",),
    "steady": ("sk-fuzz-steady",),
}
"""By provider, which is also the name of its cluster: the only place where a key may be sent."""

TARGETS = ("openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude", "azure_openai/gpt", "groq/llama", "ollama/small")
"""Those that the fuzz asks for by name."""

WILDCARD = "mistral"
"""The provider of which any model may be asked for."""

STEADY = "steady/one"
"""A target without a policy: what others do there changes nothing for anybody. For witnesses alone."""

RELAY = ("relay/first", "relay/second")
"""Two targets that follow each other and nobody else, for they pass the client's credential on. For witnesses alone."""

_FIRST_OF_ALL = {
    "fallback_models": ["anthropic/claude", "groq/llama"],
    "on_status_codes": [
        {"codes": ["500-599"], "strategy": "different_provider", "max_attempts": 40},
        {"codes": [409], "strategy": "same_model", "max_attempts": 3},
        {"codes": [404], "strategy": "same_provider", "max_attempts": 0},
    ],
    "on_timeout": {"strategy": "same_provider", "max_attempts": 5, "after_ms": 2_000},
    "on_connection_error": {"max_attempts": 5},
    "on_high_latency": {"threshold_ms": 5, "min_triggers": 3, "trigger_window_seconds": 1, "block_duration_seconds": 1},
    "backoff": {"apply_to": "global", "base_ms": 1, "max_ms": 5, "jitter": "decorrelated"},
    "retry_after_handling": {"max_retry_after_seconds": 1, "max_wait_seconds": 1},
    "max_retry_duration_ms": 60_000,
    "max_total_attempts": 50,
    "second_round": {"rounds": 5, "delay_ms": 1},
    "idempotency_header": "Idempotency-Key",
}
_ITS_OWN = {
    "default_strategy": "same_model",
    "default_max_attempts": 10,
    "on_high_latency": {"threshold_ms": 1, "measure": "total", "apply_to": "request", "scope": "provider"},
    "backoff": {"apply_to": "same_model", "base_ms": 1, "max_ms": 2, "jitter": False},
    "retry_after_handling": {"scope": "provider", "apply_to": "request", "max_wait_seconds": 1},
    "client_retries": "allow",
}
_CAREFUL = {"retry_after_handling": {"max_retry_after_seconds": 2, "max_wait_seconds": 1}}
_IN_TURN = {
    "candidate_order": "round_robin",
    "default_max_attempts": 5,
    "on_high_latency": {"threshold_ms": 1, "block_duration_seconds": 1},
    "retry_after_handling": {"scope": "endpoint", "max_retry_after_seconds": 1, "max_wait_seconds": 1},
    "second_round": {"rounds": 2, "delay_ms": 1},
}


def write(directory: Path, *, with_default: bool) -> Path:
    """Write the configuration to *directory*, with a target for what cannot be placed or without; return the file."""
    openai: dict[str, object] = {"access_keys": list(KEYS["openai"])}
    azure: dict[str, object] = {"access_keys": list(KEYS["azure_openai"])}
    azure |= {"base_url": "https://fuzz.openai.azure.com", "cluster": "azure_openai"}
    steady: dict[str, object] = {"base_url": "http://127.0.0.1:9", "provider_interface": "openai", "cluster": "steady"}
    relay: dict[str, object] = {"base_url": "http://127.0.0.1:10", "provider_interface": "openai", "cluster": "relay"}
    relay |= {"passthrough_auth": True}
    one_after_the_other = {"fallback_models": [RELAY[1]], "default_strategy": "same_provider"}
    table = {
        "version": "v0.4.0",
        "listeners": [{"type": "model", "timeout": "60s"}],
        "model_providers": [
            {"model": "openai/gpt-4o", **openai, "default": with_default, "retry_policy": _FIRST_OF_ALL},
            {"model": "openai/gpt-4o-mini", **openai, "retry_policy": _IN_TURN, "headers": {"x-team": "fuzz"}},
            {"model": "anthropic/claude", "access_key": KEYS["anthropic"][0], "retry_policy": _ITS_OWN},
            {"model": f"{WILDCARD}/*", "access_keys": list(KEYS[WILDCARD]), "retry_policy": _IN_TURN},
            {"model": "azure_openai/gpt", **azure, "retry_policy": _CAREFUL},
            {"model": "groq/llama", "access_key": KEYS["groq"][0], "timeouts": {"first_byte": "1s"}},
            {"model": "ollama/small", "retry_policy": _CAREFUL | {"max_total_attempts": 1}},
            {"model": STEADY, "access_key": KEYS["steady"][0], **steady},
            {"model": RELAY[0], **relay, "retry_policy": one_after_the_other},
            {"model": RELAY[1], **relay},
        ],
        "model_aliases": {"fast": {"target": "groq/llama"}, "faster": {"target": "fast"}},
        "sidecar": {
            "workers": 2,
            "listen": f"unix:{directory}/fuzz.sock",
            "max_body_bytes": MAX_BODY,
            "log_format": "json",
        },
    }
    file = directory / "fuzz.yaml"
    file.write_text(yaml.safe_dump(table))
    return file
