"""Laws of who may get the next attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from support.policy.scenes import catalogs, policies
from support.policy.situations import fitting

from extproc.policy.candidates import Quest, Roster, Terms
from extproc.policy.rules import Strategy
from extproc.policy.target import Api

if TYPE_CHECKING:
    from extproc.policy.catalog import Catalog


@st.composite
def searches(draw: st.DrawFn) -> tuple[Catalog, Quest]:
    catalog = draw(catalogs())
    known = st.sampled_from(list(catalog.targets.values()))
    terms = Terms(draw(policies), draw(known), draw(st.sampled_from([Api.CHAT, Api.OTHER, Api.EMBEDDINGS])))
    return catalog, Quest(terms, draw(st.sampled_from(Strategy)), draw(known))


@given(searches())
@settings(max_examples=100)
def test_everyone_who_fits_is_a_candidate_and_nobody_else(search: tuple[Catalog, Quest]) -> None:
    """By the rules, told naively; once each, with a reason for everybody else."""
    catalog, quest = search
    found = list(Roster(catalog).candidates(quest.terms, quest.strategy, quest.origin))

    if quest.strategy is Strategy.SAME_MODEL:
        assert found == [quest.origin]
    else:
        fit = fitting(catalog, quest.terms, quest.strategy, quest.origin)
        assert sorted(target.id for target in found) == sorted(target.id for target in fit)
        assert all((quest.exclusion(target) is None) == (target in found) for target in catalog.targets.values())


@given(searches())
@settings(max_examples=100)
def test_the_order_is_that_of_the_policy_and_then_that_of_the_file(search: tuple[Catalog, Quest]) -> None:
    catalog, quest = search
    found, first = (
        Roster(catalog).candidates(quest.terms, quest.strategy, quest.origin),
        quest.terms.policy.fallback_models,
    )

    if quest.strategy is not Strategy.SAME_MODEL:
        named, others = [target.id for target in found.named], [target.id for target in found.others]
        assert named == [target for target in first if target in named]
        assert others == [target for target in catalog.targets if target in others]
        assert not set(others) & set(first)
