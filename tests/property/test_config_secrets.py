"""A key is never shown, wherever in the file it stands and whatever is wrong around it."""

from __future__ import annotations

import copy
import json
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.errors import ConfigError
from extproc.config.load import load_text

if TYPE_CHECKING:
    from collections.abc import Iterator

Place: TypeAlias = tuple[str | int, ...]

CONFIGS = Path(__file__).parents[2] / "configs"
REFERENCE = yaml.safe_load((CONFIGS / "reference.yaml").read_text())
MARK = "Hk7qZ"
"""In the middle of every key here: no message can hold it by accident."""

KEYS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["sk-", "sk-proj-", "", "AIza", "Bearer sk-", "https://user:", "$$"]),
    st.just(MARK),
    st.sampled_from(["", "abc", "\n", " ", "\x00", "=", "é", "/x", "@a.example", "'", '"', "{}", "%s", ": x", "#y"]),
)


def places(node: object, steps: Place = ()) -> Iterator[Place]:
    """Yield the way to every value in *node* that is no map and no list."""
    if isinstance(node, dict):
        for key, item in node.items():
            yield from places(item, (*steps, key))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from places(item, (*steps, index))
    else:
        yield steps


def put(node: object, place: Place, value: object) -> object:
    """Return *node* with *value* at *place*; unchanged if there is no such place."""
    if not place:
        return value
    step, *further = place
    if isinstance(node, dict):
        return {key: put(item, tuple(further), value) if key == step else item for key, item in node.items()}
    if isinstance(node, list):
        return [put(item, tuple(further), value) if index == step else item for index, item in enumerate(node)]
    return node


FULL = copy.deepcopy(REFERENCE)
FULL["model_providers"][0]["headers"] = {"x-team": "search"}
FULL["model_providers"][0]["retry_policy"] |= {
    "fallback_models": ["anthropic/claude-3-5-sonnet"],
    "on_status_codes": [{"codes": [429, "502-504"], "strategy": "same_model", "max_attempts": 2}],
    "backoff": {"apply_to": "global", "base_ms": 1, "max_ms": 2, "jitter": True},
    "on_high_latency": {"threshold_ms": 1, "measure": "ttfb", "scope": "model", "apply_to": "global"},
    "idempotency_header": "Idempotency-Key",
}
FULL["model_providers"].append({"model": "xai/grok", "access_keys": ["k1", "k2"], "passthrough_auth": False})
PLACES = tuple(places(FULL))
SECRET = frozenset({"access_key", "access_keys", "headers"})


def changed(*changes: tuple[Place, object]) -> str:
    """Return the full file with these values at these places. JSON is YAML, and quicker to write."""
    document: object = FULL
    for place, value in changes:
        document = put(document, place, value)
    return json.dumps(document)


def everything_shown(text: str, environ: dict[str, str], *, secret: bool) -> str:
    """Return all that loading *text* shows: errors with their traces, warnings, and what objects look like.

    A key where a name belongs is a name to the program, so its gateway is looked at only for *secret*.
    """
    try:
        loaded = load_text(text, environ)
    except ConfigError as error:
        return "".join([str(error), repr(error), *traceback.format_exception(error)])
    shown = [str(warning) for warning in loaded.warnings]
    return "".join([*shown, repr(loaded)] if secret else shown)


@settings(max_examples=400)
@given(st.sampled_from(PLACES), KEYS, st.sampled_from(PLACES), st.sampled_from([None, -1, 10**9, "", "x", "a b"]))
def test_a_key_in_the_wrong_place_is_not_shown(place: Place, key: str, broken: Place, value: object) -> None:
    """Anywhere in the file, with something else broken beside it."""
    environ = {"OPENAI_API_KEY": MARK, "ANTHROPIC_API_KEY": f"{MARK}\n"}

    assert MARK not in everything_shown(changed((broken, value), (place, key)), environ, secret=_is_secret(place))


MAPS = tuple({place[:-1] for place in PLACES if isinstance(place[-1], str)} - {("model_providers", 0, "headers")})


@settings(max_examples=200)
@given(st.sampled_from(sorted(MAPS, key=str)), KEYS)
def test_a_key_where_a_name_belongs_is_not_shown(place: Place, key: str) -> None:
    """A space forgotten after `access_key:` makes one long name of the two."""
    text = changed((place, {key: None}))

    assert MARK not in everything_shown(text, {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}, secret=False)


def _is_secret(place: Place) -> bool:
    return not SECRET.isdisjoint(place)


@settings(max_examples=200)
@given(st.sampled_from(PLACES), st.sampled_from(["$V", "${V}", "x${V}y", "${UNSET:=", "${V", "$V x"]), KEYS)
def test_a_variables_value_is_not_shown(place: Place, reference: str, key: str) -> None:
    """Errors name the variable, never what it holds, and never what its neighbours hold."""
    environ = {"V": key, "OPENAI_API_KEY": MARK, "ANTHROPIC_API_KEY": MARK}

    assert MARK not in everything_shown(changed((place, reference)), environ, secret=_is_secret(place))


NOISE = (*"\n\t:{}[]'\"&*!|>%@`#,-? ", "\0", "  - ", "\n---\n", "<<: ")
TEXT = (CONFIGS / "failover.yaml").read_text().replace("$OPENAI_API_KEY", f"sk-{MARK}")


@settings(max_examples=400)
@given(st.integers(0, len(TEXT)), st.sampled_from(NOISE))
def test_a_key_in_broken_yaml_is_not_shown(position: int, noise: str) -> None:
    """The text itself is broken, anywhere, with a key written in it."""
    text = TEXT[:position] + noise + TEXT[position:]

    assert MARK not in everything_shown(text, {"ANTHROPIC_API_KEY": MARK}, secret=True)
