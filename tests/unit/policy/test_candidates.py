"""Who may get the next attempt, and why the others may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.policy.builders import P2, P, S, T, a_catalog, a_policy, a_target

from extproc.policy.candidates import CandidateIndex, CandidateQuery, Candidates, Exclusion, RequestContext
from extproc.policy.rules import Policy, Strategy
from extproc.policy.target import Api, Credential, Target, TargetId

if TYPE_CHECKING:
    from collections.abc import Iterable

S2 = TargetId("anthropic/claude-3-opus")
ALL = (P, P2, S, S2, T)


def a_query(
    strategy: Strategy = Strategy.DIFFERENT_PROVIDER,
    *,
    origin: Target | None = None,
    primary: Target | None = None,
    api: Api = Api.CHAT,
) -> CandidateQuery:
    """Return the query for what may follow P, the primary."""
    return CandidateQuery(RequestContext(a_policy(), primary or a_target(P), api), strategy, origin or a_target(P))


def ids(targets: Iterable[Target]) -> list[TargetId]:
    return [target.id for target in targets]


def found(
    strategy: Strategy = Strategy.DIFFERENT_PROVIDER, origin: TargetId = P, policy: Policy | None = None
) -> tuple[list[TargetId], list[TargetId]]:
    """Return the ids of the candidates among ALL: those that the policy names, and the others."""
    context = RequestContext(policy or a_policy(), a_target(P), Api.CHAT)
    pool = CandidateIndex(a_catalog(*ALL)).candidates(context, strategy, a_target(origin))
    return ids(pool.named), ids(pool.others)


def test_different_provider() -> None:
    """Any model of another provider than that of the target that has just failed."""
    assert found(origin=S) == ([], [P, P2, T])


def test_same_provider() -> None:
    """Another model of the provider that has just failed."""
    assert found(Strategy.SAME_PROVIDER, origin=S) == ([], [S2])


def test_same_model() -> None:
    """The target that has just failed, and no other."""
    assert found(Strategy.SAME_MODEL, origin=S) == ([S], [])


@pytest.mark.parametrize("strategy", [Strategy.SAME_PROVIDER, Strategy.DIFFERENT_PROVIDER])
def test_embeddings_are_made_by_those_that_the_policy_names(strategy: Strategy) -> None:
    """And by no other, though all of them could: another model is another vector space."""
    all_targets = [a_target(target, apis=[Api.CHAT, Api.EMBEDDINGS]) for target in ALL]
    policy = a_policy(fallback_models=(S2, P2))

    def asked(policy: Policy, api: Api) -> list[TargetId]:
        index = CandidateIndex(a_catalog(*all_targets))
        return ids(index.candidates(RequestContext(policy, a_target(P), api), strategy, a_target(P)))

    named = [P2] if strategy is Strategy.SAME_PROVIDER else [S2]
    assert asked(policy, Api.EMBEDDINGS) == named
    assert asked(a_policy(), Api.EMBEDDINGS) == []
    assert set(asked(a_policy(), Api.CHAT)) >= set(named)


def test_same_model_of_a_wildcard() -> None:
    """It is not in the catalog by its own name."""
    origin = a_target("ollama/llama3", wildcard=True)
    context = RequestContext(a_policy(), origin, Api.CHAT)

    assert CandidateIndex(a_catalog()).candidates(context, Strategy.SAME_MODEL, origin) == Candidates((origin,))


def test_fallback_models_come_first_in_their_order() -> None:
    """Then the other configured models, in the order of the file; none of them twice."""
    assert found(policy=a_policy(fallback_models=(T, S2))) == ([T, S2], [S])


def test_fallback_models_are_filtered_like_all_others() -> None:
    assert found(Strategy.SAME_PROVIDER, policy=a_policy(fallback_models=(T, P2, S2))) == ([P2], [])


def test_a_fallback_that_is_not_configured_is_passed_over() -> None:
    """Loading has warned about it."""
    assert found(policy=a_policy(fallback_models=(TargetId("xai/grok-4"), S))) == ([S], [S2, T])


def test_the_primary_is_a_candidate_when_another_has_failed() -> None:
    assert found(origin=T) == ([], [P, P2, S, S2])


def test_a_target_that_was_tried_is_left_out() -> None:
    pool = Candidates((a_target(S), a_target(P)), (a_target(T), a_target(P2)))

    assert pool.without({S, T}) == Candidates((a_target(P),), (a_target(P2),))
    assert pool.without(frozenset()) == pool


def test_each_query_has_its_own_candidates() -> None:
    """Found once, and right again when it is asked again: for another primary, origin, strategy or API."""
    chat, both = a_target(P), a_target(S, apis=[Api.CHAT, Api.MODERATIONS])
    ours = a_target(T, credential=Credential.CLIENT, keys=0)
    index = CandidateIndex(a_catalog(chat, both, ours, P2))
    policy = a_policy(fallback_models=(T,))

    def found() -> list[list[TargetId]]:
        return [
            ids(index.candidates(RequestContext(policy, primary, api), strategy, origin))
            for primary, api, strategy, origin in (
                (chat, Api.CHAT, Strategy.DIFFERENT_PROVIDER, chat),
                (ours, Api.CHAT, Strategy.DIFFERENT_PROVIDER, chat),
                (chat, Api.MODERATIONS, Strategy.DIFFERENT_PROVIDER, chat),
                (chat, Api.CHAT, Strategy.SAME_PROVIDER, chat),
                (chat, Api.CHAT, Strategy.DIFFERENT_PROVIDER, both),
                (chat, Api.CHAT, Strategy.SAME_MODEL, both),
            )
        ]

    assert found() == [[S], [T, S], [S], [P2], [P, P2], [S]]
    assert found() == [[S], [T, S], [S], [P2], [P, P2], [S]]


def test_a_response_is_found_only_once() -> None:
    """Going through all targets at each decision would be most of what it costs."""
    index, context = CandidateIndex(a_catalog(*ALL)), RequestContext(a_policy(), a_target(P), Api.CHAT)

    found = [index.candidates(context, Strategy.DIFFERENT_PROVIDER, a_target(P)) for _ in range(2)]

    assert found[0] is found[1]


def test_the_index_does_not_grow_with_names_that_clients_invent() -> None:
    """All models of a wildcard ask the same question."""
    index = CandidateIndex(a_catalog(wildcards=[a_target("ollama/*", wildcard=True)]))

    for number in range(5):
        origin = a_target(f"ollama/{number}", wildcard=True)
        assert ids(index.candidates(RequestContext(a_policy(), origin, Api.CHAT), Strategy.SAME_PROVIDER, origin)) == []

    assert len(index._found) == 1


@pytest.mark.parametrize(
    ("target", "exclusion"),
    [
        (a_target(S), None),
        (a_target(P), Exclusion.STRATEGY),
        (a_target(P2), Exclusion.STRATEGY),
        (a_target(T), None),
        (a_target("ollama/*", wildcard=True), Exclusion.WILDCARD),
        (a_target(S, apis=[Api.MESSAGES]), Exclusion.API),
        (a_target(S, apis=[]), Exclusion.API),
        (a_target(S, apis=[Api.MESSAGES, Api.CHAT]), None),
        (a_target(S, credential=Credential.NONE, keys=0), None),
        (a_target(S, credential=Credential.MISSING, keys=0), Exclusion.CREDENTIAL),
        (a_target(S, credential=Credential.CLIENT, keys=0), Exclusion.CREDENTIAL),
    ],
)
def test_why_a_target_is_no_candidate(target: Target, exclusion: Exclusion | None) -> None:
    """After P has failed, for a chat."""
    assert a_query().exclusion(target) == exclusion


@pytest.mark.parametrize(
    ("target", "exclusion"),
    [(a_target(P), None), (a_target(P2), Exclusion.STRATEGY), (a_target(S), Exclusion.STRATEGY)],
)
def test_why_a_target_is_not_the_same_model(target: Target, exclusion: Exclusion | None) -> None:
    assert a_query(Strategy.SAME_MODEL).exclusion(target) == exclusion


@pytest.mark.parametrize(
    ("target", "exclusion"),
    [(a_target(P), Exclusion.STRATEGY), (a_target(P2), None), (a_target(S), Exclusion.STRATEGY)],
)
def test_why_a_target_is_not_the_same_provider(target: Target, exclusion: Exclusion | None) -> None:
    """The target itself is no other model of its provider."""
    assert a_query(Strategy.SAME_PROVIDER).exclusion(target) == exclusion


def test_the_clients_credential_stays_with_the_provider_it_was_meant_for() -> None:
    """A passthrough target is a candidate only for a request that goes to the same provider anyway."""
    ours = a_target(P2, credential=Credential.CLIENT, keys=0)

    assert a_query(Strategy.SAME_PROVIDER).exclusion(ours) is None
    assert a_query(origin=a_target(S)).exclusion(ours) is None
    assert a_query(origin=a_target(S), primary=a_target(T)).exclusion(ours) is Exclusion.CREDENTIAL


def test_candidates_in_order() -> None:
    pool = Candidates((a_target(S),), (a_target(T), a_target(P)))

    assert [target.id for target in pool] == [S, T, P]
