"""The gateway as a whole, and the names that lead to its targets."""

from __future__ import annotations

import pytest
from support.config.files import P, S, Table, a_file, a_provider, gateway, problems

from extproc.addresses import parse_address
from extproc.config.compiling import gateway as compiling
from extproc.config.compiling.endpoints import Entry
from extproc.config.errors import ConfigError, Problem
from extproc.config.gateway import (
    EnvoySettings,
    Listener,
    LogFormat,
    OnFailure,
    RetryBudget,
    SidecarSettings,
    Transport,
)
from extproc.config.providers import PROVIDERS
from extproc.config.schema.file import ConfigTable
from extproc.config.schema.retry_policy import BackoffTable, RetryPolicyTable
from extproc.policy.backoff import Reach
from extproc.policy.target import Api, Credential, Target, TargetId


def test_settings_have_defaults() -> None:
    found = gateway(a_file())

    assert found.listener == Listener("model", "127.0.0.1", 12000, 600_000)
    assert found.sidecar == SidecarSettings(
        parse_address("unix:/run/extproc/extproc.sock"), 1, parse_address("127.0.0.1:1064"), 67_108_864, LogFormat.TEXT
    )
    assert found.envoy == EnvoySettings(None, None)


def test_settings_arrive() -> None:
    found = gateway(
        a_file(
            a_provider(default=True),
            listeners=[
                {
                    "type": "model",
                    "name": "llm",
                    "address": "0.0.0.0",
                    "port": 1,
                    "timeout": "1.5m",
                    "cors": {"allow_origins": ["https://a.example", "*"]},
                }
            ],
            sidecar={
                "listen": "unix:/s",
                "socket_mode": "0660",
                "socket_group": "envoy",
                "workers": 4,
                "admin": "0.0.0.0:2",
                "max_body_bytes": 1,
                "log_format": "json",
                "on_failure": "default_provider",
                "transport": "grpcio",
            },
            envoy={
                "admin": "127.0.0.2:3",
                "retry_budget": {"percent": 33, "min_concurrency": 0},
                "secrets": "/run/secrets/",
            },
        )
    )

    assert found.listener == Listener("llm", "0.0.0.0", 1, 90_000, ("https://a.example", "*"))
    assert found.sidecar == SidecarSettings(
        parse_address("unix:/s"),
        4,
        parse_address("0.0.0.0:2"),
        1,
        LogFormat.JSON,
        OnFailure.DEFAULT_PROVIDER,
        socket_mode=0o660,
        socket_group="envoy",
        chosen_transport=Transport.GRPCIO,
    )
    assert found.envoy == EnvoySettings(parse_address("127.0.0.2:3"), RetryBudget(33.0, 0), "/run/secrets")


def test_only_a_default_can_be_sent_to_without_the_sidecar() -> None:
    """Nobody else may get what is meant for others."""
    assert problems(a_file(sidecar={"on_failure": "default_provider"})) == [
        "sidecar.on_failure: default_provider needs a model with `default: true`"
    ]


@pytest.mark.parametrize("path", ["secrets", "./secrets", "", "/with space", "/ü"])
def test_secrets_are_in_a_directory_that_envoy_can_find(path: str) -> None:
    """Envoy may be started anywhere."""
    assert problems(a_file(envoy={"secrets": path})) == [
        "envoy.secrets: expected the absolute path of a directory, without spaces"
    ]


@pytest.mark.parametrize(
    ("text", "millis"),
    [("500ms", 500), ("5s", 5000), ("0.25s", 250), ("5m", 300_000), ("1h", 3_600_000), ("0.001s", 1), ("1.005s", 1005)],
)
def test_durations(text: str, millis: int) -> None:
    (cluster,) = gateway(a_file(a_provider(timeouts={"connect": text, "idle": text}))).clusters

    assert (cluster.connect_timeout, cluster.idle_timeout) == (millis, millis)


def test_targets_keep_the_files_order() -> None:
    """That order is what candidate_order priority means."""
    catalog = gateway(a_file(a_provider("xai/a"), a_provider("openai/*"), a_provider(P), a_provider(S))).catalog

    assert list(catalog.targets) == ["xai/a", P, S]


def test_a_wildcard_is_no_target_but_stands_for_many() -> None:
    catalog = gateway(a_file(a_provider("anthropic/*"), a_provider(P))).catalog
    made = catalog.find("anthropic/claude-9")

    assert list(catalog.targets) == [P]
    assert catalog.wildcards["anthropic"].id == "anthropic/*"
    assert made == Target(
        TargetId("anthropic/claude-9"),
        "anthropic",
        "https://api.anthropic.com:443",
        catalog.wildcards["anthropic"].apis,
        Credential.OWN,
        keys=1,
        wildcard=True,
    )


def test_names_that_lead_to_a_target() -> None:
    """Ids, configured names and aliases are exact; of two models with one bare name the first in the file has it."""
    catalog = gateway(
        a_file(
            a_provider("openai/gpt-oss"),
            a_provider("groq/gpt-oss", name="fast"),
            a_provider("xai/fast"),
            a_provider("together_ai/openai/gpt-oss"),
            model_aliases={"cheap": {"target": "fast"}},
        )
    ).catalog

    assert catalog.names == {
        "openai/gpt-oss": "openai/gpt-oss",
        "groq/gpt-oss": "groq/gpt-oss",
        "xai/fast": "xai/fast",
        "together_ai/openai/gpt-oss": "together_ai/openai/gpt-oss",
        "fast": "groq/gpt-oss",
        "gpt-oss": "openai/gpt-oss",
        "cheap": "groq/gpt-oss",
    }


def test_the_default_is_the_target_that_says_so() -> None:
    """For all that its provider speaks, and for nothing else."""
    assert defaults(a_provider(P), a_provider(S, default=True)) == dict.fromkeys(PROVIDERS["anthropic"].apis, S)
    assert defaults(a_provider(P, default=True), a_provider(S)) == dict.fromkeys(PROVIDERS["openai"].apis, P)
    assert defaults(a_provider(P), a_provider(S)) == {}


@pytest.mark.parametrize("swapped", [False, True])
def test_there_may_be_a_default_for_each_vendors_api(*, swapped: bool) -> None:
    """What Anthropic speaks only to be compatible is for who is made for it, wherever it stands in the file."""
    entries = [a_provider(P, default=True), a_provider(S, default=True)]

    assert defaults(*reversed(entries) if swapped else entries) == {
        **dict.fromkeys(PROVIDERS["openai"].apis, P),
        Api.MESSAGES: S,
        Api.ANTHROPIC: S,
    }


def defaults(*entries: Table) -> dict[Api, TargetId]:
    """Return who is the default for what."""
    return dict(gateway(a_file(*entries)).catalog.defaults)


def test_what_the_rules_refuse_has_a_place() -> None:
    """Should the schema ever let through what the rules do not take, the file's author still learns where."""
    config = ConfigTable.model_validate(a_file())
    backoff = BackoffTable.model_construct(apply_to=Reach.GLOBAL, base_ms=5, max_ms=5)
    (table,) = config.model_providers
    entry = Entry("here", table.model_copy(update={"retry_policy": RetryPolicyTable(backoff=backoff)}))
    with pytest.raises(ConfigError) as raised:
        compiling.compile_config(config, [entry], ())

    assert raised.value.problems == (
        Problem("here.retry_policy", "back-off needs 1 <= base < max, got base 5 and max 5"),
    )
