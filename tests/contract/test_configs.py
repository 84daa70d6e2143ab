"""Every example file loads without a warning, and the patterns mean what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.config.files import KEYS_OF_EXAMPLES

from extproc.config.load import load
from extproc.config.schema.file import ConfigTable
from extproc.config.schema.json_schema import json_schema
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.rules import Lifetime, Policy, RetryAfterHandling, Rule, Scope, Strategy
from extproc.policy.target import TargetId

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))
PATTERNS = sorted((CONFIGS / "patterns").glob("*.yaml"))

PRIMARY = TargetId("openai/gpt-4o")
MINI = TargetId("openai/gpt-4o-mini")
SONNET = TargetId("anthropic/claude-3-5-sonnet")
OPUS = TargetId("anthropic/claude-3-opus")
D, P, M = Strategy.DIFFERENT_PROVIDER, Strategy.SAME_PROVIDER, Strategy.SAME_MODEL


def a_policy(
    *fallbacks: TargetId,
    codes: tuple[tuple[tuple[int, ...], Strategy, int], ...] = (),
    timeout: tuple[Strategy, int] | None = None,
    backoff: Backoff | None = None,
    retry_after: RetryAfterHandling | None = None,
) -> Policy:
    """Return the policy with a default of D x 2, and with *codes* as its entries of on_status_codes."""
    rules = {
        code: Rule(f"on_status_codes[{index}]", strategy, attempts, backoff)
        for index, (listed, strategy, attempts) in enumerate(codes)
        for code in listed
    }
    return Policy(
        default=Rule("default", D, 2, backoff),
        fallback_models=fallbacks,
        on_status=rules,
        on_timeout=None if timeout is None else Rule("on_timeout", *timeout, backoff),
        retry_after=retry_after or RetryAfterHandling(),
    )


EXPECTED = [
    a_policy(SONNET, codes=(((429,), D, 2),)),
    a_policy(MINI, SONNET, codes=(((429,), P, 2),)),
    a_policy(
        codes=(((429,), M, 3), ((503,), M, 3)),
        backoff=Backoff(Reach.SAME_MODEL, 500, 5000, Jitter.EQUAL),
    ),
    a_policy(
        MINI,
        SONNET,
        codes=(((429,), P, 2), ((502,), D, 3), ((503,), M, 2), ((504,), D, 2)),
        timeout=(D, 2),
    ),
    a_policy(SONNET, codes=(((429,), P, 2),), timeout=(D, 3)),
    a_policy(),
    a_policy(codes=(((429,), M, 2),), backoff=Backoff(Reach.SAME_MODEL, 100, 5000, Jitter.EQUAL)),
    a_policy(MINI, SONNET, codes=(((429,), P, 2),), backoff=Backoff(Reach.SAME_PROVIDER, 200, 10_000, Jitter.EQUAL)),
    a_policy(SONNET, codes=(((429,), D, 2),), backoff=Backoff(Reach.GLOBAL, 50, 2000, Jitter.EQUAL)),
    a_policy(codes=(((429,), M, 3),), backoff=Backoff(Reach.SAME_MODEL, 1000, 30_000, Jitter.NONE)),
    a_policy(SONNET, codes=(((429,), D, 2),)),
    a_policy(
        MINI,
        SONNET,
        codes=(((429,), D, 2), ((503,), D, 2)),
        retry_after=RetryAfterHandling(Scope.MODEL, Lifetime.GLOBAL),
    ),
    a_policy(
        SONNET,
        codes=(((429, 503, 502), D, 2),),
        retry_after=RetryAfterHandling(Scope.PROVIDER, Lifetime.GLOBAL),
    ),
    a_policy(
        SONNET,
        codes=(((429, 503), D, 2),),
        retry_after=RetryAfterHandling(Scope.MODEL, Lifetime.REQUEST),
    ),
    a_policy(
        codes=(((429, 503), M, 3),),
        backoff=Backoff(Reach.SAME_MODEL, 1000, 30_000, Jitter.EQUAL),
        retry_after=RetryAfterHandling(Scope.MODEL, Lifetime.GLOBAL, cap=300_000, max_wait=60_000),
    ),
    a_policy(MINI, SONNET, OPUS, codes=(((429,), P, 2),)),
    a_policy(SONNET, codes=(((429, *range(430, 451), 526), P, 2), ((502, 503, 504), D, 3))),
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_loads_without_warnings(file: Path) -> None:
    assert load(file, KEYS_OF_EXAMPLES).warnings == ()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_opens_with_what_it_shows(file: Path) -> None:
    """Somebody who looks for a policy reads first lines."""
    assert file.read_text().startswith("# ")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_is_valid_by_the_json_schema(file: Path) -> None:
    Draft202012Validator(json_schema()).validate(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize(
    ("file", "policy"),
    [pytest.param(file, policy, id=file.stem) for file, policy in zip(PATTERNS, EXPECTED, strict=True)],
)
def test_a_pattern_means_what_it_says(file: Path, policy: Policy) -> None:
    """The whole policy, so that a key that is read and forgotten would be noticed."""
    assert load(file, KEYS_OF_EXAMPLES).gateway.catalog.policies == {PRIMARY: policy}


def test_the_reference_shows_every_key() -> None:
    """Commented out or not: a key that is not there does not exist for its readers."""
    text = (CONFIGS / "reference.yaml").read_text()
    tables = [ConfigTable.model_json_schema(), *ConfigTable.model_json_schema()["$defs"].values()]
    keys = {key for table in tables for key in table.get("properties", {})}

    assert len(keys) > 50
    assert {key for key in keys if f"{key}:" not in text} == set()


def test_the_references_values_are_the_defaults() -> None:
    """Else it would teach the wrong ones: but for the entries that show what an entry is."""
    text = (CONFIGS / "reference.yaml").read_text()
    shown = ConfigTable.model_validate(yaml.safe_load(text))
    entry, *_ = shown.model_providers
    assert entry.retry_policy is not None
    bare = ConfigTable.model_validate(
        {
            "version": "v0.4.0",
            "model_providers": [{"model": "openai/gpt-4o", "retry_policy": {}}],
        }
    )
    (plain,) = bare.model_providers
    assert plain.retry_policy is not None

    assert (shown.listeners, shown.sidecar, shown.envoy) == (bare.listeners, bare.sidecar, bare.envoy)
    assert entry.timeouts == plain.timeouts
    assert entry.retry_policy.model_copy(update={"on_status_codes": []}) == plain.retry_policy
