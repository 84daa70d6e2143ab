"""How a request's model name finds a target, and a target its policy."""

from __future__ import annotations

import pytest
from support.policy.builders import P2, P, S, a_catalog, a_policy, a_target

from extproc.policy.catalog import Catalog
from extproc.policy.target import Api, TargetId

OLLAMA = a_target("ollama/*", wildcard=True)


def ollama(model: str) -> TargetId:
    return TargetId(f"ollama/{model}")


def test_every_known_name_leads_to_its_target() -> None:
    """An alias, the bare model name and the id itself mean the same target."""
    catalog = a_catalog(P, S, names={"fast": P, "gpt-4o": P})

    assert {name: catalog.find(name) for name in ("fast", "gpt-4o", P)} == dict.fromkeys(
        ("fast", "gpt-4o", P), a_target(P)
    )


def test_a_name_outweighs_an_equal_id() -> None:
    """An alias is resolved before anything else."""
    assert a_catalog(P, S, names={P: S}).find(P) == a_target(S)


@pytest.mark.parametrize("named", ["gpt-5", "openai/gpt-5", "openai", "openai/", "/gpt-4o", "", "/"])
def test_what_is_not_configured_is_not_found(named: str) -> None:
    catalog = a_catalog(P, S)

    assert (catalog.find(named), catalog.get(TargetId(named))) == (None, None)


@pytest.mark.parametrize("model", ["llama3", "library/llama3:8b", "*"])
def test_a_wildcard_stands_for_any_model_of_its_provider(model: str) -> None:
    """The provider is what comes before the first slash."""
    catalog = a_catalog(P, wildcards=[OLLAMA])

    assert catalog.find(f"ollama/{model}") == a_target(f"ollama/{model}", wildcard=True)


@pytest.mark.parametrize("model", ["a b", "a\nb", "a\x00", "\x7f", "modèle", "\ud800", "m" * 201])
def test_a_wildcard_does_not_stand_for_what_could_not_be_sent(model: str) -> None:
    """The name becomes part of headers and of a path."""
    catalog = a_catalog(P, wildcards=[OLLAMA])

    assert catalog.find(f"ollama/{model}") is None
    assert catalog.get(ollama("m" * 200)) == a_target(f"ollama/{'m' * 200}", wildcard=True)


@pytest.mark.parametrize("named", ["ollama", "ollama/", "openai/llama3"])
def test_a_wildcard_stands_for_nothing_else(named: str) -> None:
    assert a_catalog(P, wildcards=[OLLAMA]).find(named) is None


def test_a_configured_model_outweighs_the_wildcard() -> None:
    catalog = a_catalog(a_target(P), wildcards=[a_target("openai/*", wildcard=True)])

    assert (catalog.find(P), catalog.find(P2)) == (a_target(P), a_target(P2, wildcard=True))


def test_a_target_by_its_id() -> None:
    """Item access is for ids that must be there."""
    catalog = a_catalog(P, wildcards=[OLLAMA])

    assert (catalog[P], catalog[ollama("llama3")]) == (a_target(P), a_target("ollama/llama3", wildcard=True))


def test_an_id_that_must_be_there_and_is_not() -> None:
    with pytest.raises(KeyError, match=S):
        a_catalog(P)[S]


def test_a_targets_policy() -> None:
    """The primary's own; a model of a wildcard has the wildcard's."""
    own, stand_in = a_policy(rounds=1), a_policy(rounds=3)
    ours, theirs, bare = a_target(P), a_target(ollama("llama3"), wildcard=True), a_target(S)
    catalog = Catalog({P: ours, S: bare}, {}, wildcards={"ollama": OLLAMA}, policies={P: own, OLLAMA.id: stand_in})

    assert [catalog.policy_of(target) for target in (ours, theirs, bare)] == [own, stand_in, None]


def test_a_catalog_has_no_default_unless_given() -> None:
    catalog = Catalog({P: a_target(P)}, {})

    assert (catalog.default_for(Api.CHAT), dict(catalog.wildcards), dict(catalog.policies)) == (None, {}, {})


@pytest.mark.parametrize("model", ["a\r\nx-api-key: b", "a b", "é", "x" * 201, "\ud83d"])
def test_a_wildcard_takes_no_name_that_cannot_stand_in_a_header(model: str) -> None:
    """The name is a client's, and goes into the state, the response's headers and the path."""
    assert a_catalog(P, wildcards=[OLLAMA]).find(f"ollama/{model}") is None
