"""Uniqueness, the one default, and aliases."""

from __future__ import annotations

import pytest
from support.config.files import P, S, Table, a_file, a_provider, gateway, problems


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([a_provider(P), a_provider(P)], ["model_providers[1].model: duplicate model, first in model_providers[0]"]),
        (
            [a_provider("openai/*"), a_provider("openai/*")],
            ["model_providers[1].model: duplicate model, first in model_providers[0]"],
        ),
        (
            [a_provider(P, name="a"), a_provider(S, name="a")],
            ["model_providers[1].name: duplicate name, first in model_providers[0]"],
        ),
        (
            [a_provider(P), a_provider(S, name=P)],
            ["model_providers[1].name: is the model id of model_providers[0]"],
        ),
        (
            [a_provider(P, name=S), a_provider(S)],
            ["model_providers[0].name: is the model id of model_providers[1]"],
        ),
        ([a_provider(P, name=P), a_provider(S)], []),
        ([a_provider(P), a_provider(S, name="gpt-4o")], []),
        (
            [a_provider(P, default=True), a_provider(S, default=False), a_provider("deepseek/x", default=True)],
            ["model_providers[2].default: model_providers[0] is the default for chat already"],
        ),
        (
            [a_provider("openai/*", default=True)],
            ["model_providers[0].default: a wildcard cannot be the default, because it names no model"],
        ),
    ],
)
def test_models_names_and_the_default_are_unique(entries: list[Table], said: list[str]) -> None:
    assert problems(a_file(*entries)) == said


def test_two_defaults_may_share_no_api() -> None:
    """One for OpenAI's and one for Anthropic's do not; a third speaks both, and shares with either."""
    openai, anthropic = a_provider(P, default=True), a_provider(S, default=True)

    assert problems(a_file(openai, anthropic)) == []
    assert problems(a_file(openai, anthropic, a_provider("deepseek/x"), a_provider("vercel/x", default=True))) == [
        "model_providers[3].default: model_providers[0] is the default for chat, embeddings, responses already",
        "model_providers[3].default: model_providers[1] is the default for messages already",
    ]


def test_a_second_default_from_the_environment_is_one_too() -> None:
    document = a_file(a_provider(P, default=True), a_provider("deepseek/x", default="$IT_IS"))

    assert problems(document, {"IT_IS": "true"}) == [
        "model_providers[1].default: model_providers[0] is the default for chat already"
    ]
    assert problems(document, {"IT_IS": "false"}) == []


def test_the_old_key_is_accepted_and_named_in_places() -> None:
    assert problems({"version": "v0.1", "llm_providers": [a_provider()]}) == []
    assert problems({"version": "v0.1", "llm_providers": [a_provider(name="")]}) == [
        "llm_providers[0].name: must not be empty"
    ]


def test_the_old_and_the_new_key_do_not_go_together() -> None:
    assert problems({**a_file(), "llm_providers": [a_provider(S)]}) == [
        "llm_providers: is the old name of model_providers, which is present, too: use one"
    ]


def aliases(**targets: str) -> Table:
    """Return the section with these aliases."""
    return {alias: {"target": target} for alias, target in targets.items()}


@pytest.mark.parametrize(
    ("target", "model"),
    [
        (P, P),
        ("mine", P),
        ("gpt-4o", P),
        ("other", S),
        ("anthropic/claude-9", "anthropic/claude-9"),
    ],
)
def test_an_alias_may_lead_to_an_id_a_name_a_bare_model_an_alias_or_into_a_wildcard(target: str, model: str) -> None:
    document = a_file(
        a_provider(P, name="mine"),
        a_provider(S),
        a_provider("anthropic/*"),
        model_aliases=aliases(fast=target, other=S),
    )

    assert gateway(document).catalog.names["fast"] == model


def test_an_alias_is_looked_at_before_any_other_name() -> None:
    """So a file can send all requests for one model to another."""
    document = a_file(a_provider(P), a_provider(S), model_aliases=aliases(**{P: S}))

    assert gateway(document).catalog.names[P] == S


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (aliases(a="nobody"), ["model_aliases.a.target: no such model or alias"]),
        (aliases(a="openai/gpt-9"), ["model_aliases.a.target: no such model or alias"]),
        (aliases(a="anthropic/"), ["model_aliases.a.target: no such model or alias"]),
        (aliases(a="anthropic/*"), ["model_aliases.a.target: no such model or alias"]),
        (aliases(a="b", b="nobody"), [
            "model_aliases.a.target: no such model or alias",
            "model_aliases.b.target: no such model or alias",
        ]),
        (aliases(a="a"), ["model_aliases.a.target: alias cycle"]),
        (aliases(a="b", b="c", c="b"), [
            "model_aliases.a.target: alias cycle",
            "model_aliases.b.target: alias cycle",
            "model_aliases.c.target: alias cycle",
        ]),
    ],
)  # fmt: skip
def test_an_alias_must_lead_to_a_model(section: Table, said: list[str]) -> None:
    assert problems(a_file(a_provider(P), a_provider("anthropic/*"), model_aliases=section)) == said


def test_an_alias_of_a_model_that_cannot_be_read_is_not_blamed() -> None:
    """It may be meant for the entry with the fault: that one is told, and enough."""
    document = a_file(a_provider("$MODEL"), model_aliases=aliases(a="openai/gpt-4o"))

    assert problems(document) == ["model_providers[0].model: the environment variable MODEL is not set"]
