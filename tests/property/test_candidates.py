"""Laws of who may get the next attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from support.policy.scenes import catalogs, policies
from support.policy.situations import fitting

from extproc.policy.candidates import CandidateIndex, CandidateQuery, RequestContext
from extproc.policy.rules import Strategy
from extproc.policy.target import Api

if TYPE_CHECKING:
    from extproc.policy.catalog import Catalog


@st.composite
def searches(draw: st.DrawFn) -> tuple[Catalog, CandidateQuery]:
    catalog = draw(catalogs())
    known = st.sampled_from(list(catalog.targets.values()))
    context = RequestContext(draw(policies), draw(known), draw(st.sampled_from([Api.CHAT, Api.OTHER, Api.EMBEDDINGS])))
    return catalog, CandidateQuery(context, draw(st.sampled_from(Strategy)), draw(known))


@given(searches())
@settings(max_examples=100)
def test_every_target_that_fits_is_a_candidate_and_no_other(search: tuple[Catalog, CandidateQuery]) -> None:
    """By the rules, evaluated naively; once each, with a reason for every other target."""
    catalog, query = search
    found = list(CandidateIndex(catalog).candidates(query.context, query.strategy, query.origin))

    if query.strategy is Strategy.SAME_MODEL:
        assert found == [query.origin]
    else:
        fit = fitting(catalog, query.context, query.strategy, query.origin)
        assert sorted(target.id for target in found) == sorted(target.id for target in fit)
        assert all((query.exclusion(target) is None) == (target in found) for target in catalog.targets.values())


@given(searches())
@settings(max_examples=100)
def test_the_order_is_that_of_the_policy_and_then_that_of_the_file(search: tuple[Catalog, CandidateQuery]) -> None:
    catalog, query = search
    found, first = (
        CandidateIndex(catalog).candidates(query.context, query.strategy, query.origin),
        query.context.policy.fallback_models,
    )

    if query.strategy is not Strategy.SAME_MODEL:
        named, others = [target.id for target in found.named], [target.id for target in found.others]
        assert named == [target for target in first if target in named]
        assert others == [target for target in catalog.targets if target in others]
        assert not set(others) & set(first)
