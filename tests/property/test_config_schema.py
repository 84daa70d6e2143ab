"""Whatever is done to a file, the JSON Schema and the loader agree on it, as far as a schema can see."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.config.files import KEYS_OF_EXAMPLES

from extproc.config.errors import ConfigError
from extproc.config.load import load_text
from extproc.config.schema.json_schema import json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIGS = Path(__file__).parents[2] / "configs"
VALIDATOR: Any = Draft202012Validator(json_schema())
BEYOND_A_SCHEMA = (
    "must be greater than base_ms",
    "the range is reversed",
    "duplicate model, first in",
    "duplicate name, first in",
    "is the model id of",
    " is the default for ",
    "no such model or alias",
    "alias cycle",
    "uses the same cluster with",
    "contradicts the model's provider",
    "this name is reserved for a cluster of the gateway",
    "the path must be made of",
    "which each request appends",
    "needs a valid host, and a port",
    "expected host:port",
    "host:port such as",
    "a TCP address needs sidecar.tls",
    "sidecar.insecure is for",
    "contradicts sidecar.tls",
    "for which there is no certificate",
    "the environment variable",
    "but the environment variable holds something else",
)
NUMBERS = (-1, 0, 1, 2, 5.0, 0.5, 50, 51, 99, 100, 599, 600, 5000, 70_000, 2**31)
TEXTS = (
    *("", "x", "a b", "a\n", "5s", "0s", "500ms", "429", "500-599", "openai/a", "openai/*", "mine/a", "bedrock/a"),
    *("http://a.example", "https://a.example/v1", "127.0.0.1:1", "unix:/x", "true", "full", "model", "provider"),
    *("same_model", "global", "request", "text", "host", "x-envoy-a", "a$b", "${", "$1"),
)
VALUES: st.SearchStrategy[object] = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.sampled_from((None, True, False)),
    st.builds(list),
    st.builds(dict),
    st.builds(lambda: [None]),
)
KEYS = st.sampled_from(
    (
        *("model", "access_keys", "default", "retry_policy", "cluster", "provider_interface", "max_total_attempts"),
        *("jitter", "on_high_latency", "max_attempts", "min_triggers", "trigger_window_seconds", "scope", "strategy"),
        *("unknown", "port", "version"),
    )
)


def _documents() -> Iterator[object]:
    for path in sorted(CONFIGS.rglob("*.yaml")):
        yield yaml.safe_load(path.read_text())


DOCUMENTS = tuple(_documents())


@st.composite
def changed_documents(draw: st.DrawFn) -> object:
    """Return one of the examples with a few of its parts removed, replaced, repeated or added."""
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        _change(draw, document)
    return document


def _change(draw: st.DrawFn, node: object) -> None:
    """Walk down from *node* to some place and change it."""
    if isinstance(node, dict):
        if not node or draw(st.integers(0, 9)) == 0:
            node[draw(KEYS)] = draw(VALUES)
            return
        place = draw(st.sampled_from(sorted(node)))
    elif isinstance(node, list) and node:
        place = draw(st.integers(0, len(node) - 1))
    else:
        return
    if isinstance(node[place], dict | list) and draw(st.integers(0, 4)):
        _change(draw, node[place])
    elif isinstance(node, list) and draw(st.booleans()):
        node.append(copy.deepcopy(node[place]))
    elif draw(st.booleans()):
        del node[place]
    else:
        node[place] = draw(VALUES)


@settings(max_examples=300)
@given(changed_documents())
def test_schema_and_loader_agree(document: object) -> None:
    """What the loader takes is valid; what is valid fails in the loader only for reasons beyond a schema."""
    try:
        load_text(json.dumps(document), KEYS_OF_EXAMPLES)  # which is YAML too
    except ConfigError as error:
        beyond = all(any(reason in problem.text for reason in BEYOND_A_SCHEMA) for problem in error.problems)
        assert beyond or not VALIDATOR.is_valid(document)
    else:
        assert [error.message for error in VALIDATOR.iter_errors(document)] == []
