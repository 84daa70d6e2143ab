"""Who may get the next attempt, and why the others may not."""

from __future__ import annotations

import pytest
from builders import P2, P, S, T, a_catalog, a_policy, a_target

from extproc.policy.model import Api, Credential, Policy, Strategy, Target, TargetId
from extproc.policy.selection import Candidates, Exclusion, Quest, candidates

S2 = TargetId("anthropic/claude-3-opus")
ALL = (P, P2, S, S2, T)


def a_quest(
    strategy: Strategy = Strategy.DIFFERENT_PROVIDER,
    *,
    origin: Target | None = None,
    primary: Target | None = None,
    tried: frozenset[TargetId] = frozenset(),
    api: Api = Api.CHAT,
) -> Quest:
    """Return the quest after P, the primary, has failed."""
    return Quest(api, strategy, origin or a_target(P), primary or a_target(P), tried)


def found(quest: Quest, policy: Policy | None = None) -> tuple[list[TargetId], list[TargetId]]:
    """Return the ids of the candidates among ALL: those that the policy names, and the others."""
    pool = candidates(a_catalog(*ALL), policy or a_policy(), quest)
    return [target.id for target in pool.named], [target.id for target in pool.others]


def test_different_provider() -> None:
    """Any model of another provider than that of the target that has just failed."""
    assert found(a_quest(origin=a_target(S))) == ([], [P, P2, T])


def test_same_provider() -> None:
    """Another model of the provider that has just failed."""
    assert found(a_quest(Strategy.SAME_PROVIDER, origin=a_target(S))) == ([], [S2])


def test_same_model() -> None:
    """The target that has just failed, and nobody else; that it was tried is the point."""
    quest = a_quest(Strategy.SAME_MODEL, origin=a_target(S), tried=frozenset({S}))

    assert found(quest) == ([S], [])


def test_same_model_of_a_wildcard() -> None:
    """It is not in the catalog by its own name."""
    origin = a_target("ollama/llama3", wildcard=True)

    assert candidates(a_catalog(), a_policy(), a_quest(Strategy.SAME_MODEL, origin=origin)) == Candidates((origin,))


def test_fallback_models_come_first_in_their_order() -> None:
    """Then the other configured models, in the order of the file; none of them twice."""
    assert found(a_quest(), a_policy(fallback_models=(T, S2))) == ([T, S2], [S])


def test_fallback_models_are_filtered_like_all_others() -> None:
    """By strategy, and by what was tried."""
    policy = a_policy(fallback_models=(P2, T, S2))

    assert found(a_quest(tried=frozenset({T, S})), policy) == ([S2], [])
    assert found(a_quest(Strategy.SAME_PROVIDER), policy) == ([P2], [])


def test_a_fallback_that_is_not_configured_is_passed_over() -> None:
    """Loading has warned about it."""
    assert found(a_quest(), a_policy(fallback_models=(TargetId("xai/grok-4"), S))) == ([S], [S2, T])


def test_whoever_was_tried_is_not_tried_again() -> None:
    assert found(a_quest(tried=frozenset({P, S, T}))) == ([], [S2])


def test_the_primary_is_a_candidate_when_another_has_failed() -> None:
    assert found(a_quest(origin=a_target(S), tried=frozenset({S, P2}))) == ([], [P, T])


@pytest.mark.parametrize(
    ("target", "exclusion"),
    [
        (a_target(S), None),
        (a_target(P), Exclusion.STRATEGY),
        (a_target(P2), Exclusion.STRATEGY),
        (a_target(T), Exclusion.TRIED),
        (a_target("ollama/*", wildcard=True), Exclusion.WILDCARD),
        (a_target(S, speaks=[Api.MESSAGES]), Exclusion.API),
        (a_target(S, speaks=[]), Exclusion.API),
        (a_target(S, speaks=[Api.MESSAGES, Api.CHAT]), None),
        (a_target(S, credential=Credential.NONE, keys=0), None),
        (a_target(S, credential=Credential.MISSING, keys=0), Exclusion.CREDENTIAL),
        (a_target(S, credential=Credential.CLIENT, keys=0), Exclusion.CREDENTIAL),
    ],
)
def test_why_a_target_is_no_candidate(target: Target, exclusion: Exclusion | None) -> None:
    """After P has failed, and T too."""
    assert a_quest(tried=frozenset({P, T})).exclusion(target) == exclusion


@pytest.mark.parametrize(
    ("target", "exclusion"),
    [(a_target(P), None), (a_target(P2), Exclusion.STRATEGY), (a_target(S), Exclusion.STRATEGY)],
)
def test_why_a_target_is_not_the_same_model(target: Target, exclusion: Exclusion | None) -> None:
    assert a_quest(Strategy.SAME_MODEL, tried=frozenset({P})).exclusion(target) == exclusion


@pytest.mark.parametrize(
    ("target", "exclusion"),
    [(a_target(P), Exclusion.STRATEGY), (a_target(P2), None), (a_target(S), Exclusion.STRATEGY)],
)
def test_why_a_target_is_not_the_same_provider(target: Target, exclusion: Exclusion | None) -> None:
    """The target itself is no other model of its provider, tried or not."""
    assert a_quest(Strategy.SAME_PROVIDER).exclusion(target) == exclusion


def test_the_clients_credential_stays_with_the_provider_it_was_meant_for() -> None:
    """A passthrough target is a candidate only for a request that goes to the same provider anyway."""
    ours = a_target(P2, credential=Credential.CLIENT, keys=0)

    assert a_quest(Strategy.SAME_PROVIDER).exclusion(ours) is None
    assert a_quest(origin=a_target(S)).exclusion(ours) is None
    assert a_quest(origin=a_target(S), primary=a_target(T)).exclusion(ours) is Exclusion.CREDENTIAL


def test_candidates_in_order() -> None:
    pool = Candidates((a_target(S),), (a_target(T), a_target(P)))

    assert [target.id for target in pool] == [S, T, P]
