"""Laws of who may get the next attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from moments import fitting
from worlds import catalogs, policies

from extproc.policy.model import Api, Policy, Strategy
from extproc.policy.selection import Candidates, Quest, candidates

if TYPE_CHECKING:
    from extproc.policy.catalog import Catalog


@st.composite
def searches(draw: st.DrawFn) -> tuple[Catalog, Policy, Quest]:
    catalog = draw(catalogs())
    known = st.sampled_from(list(catalog.targets.values()))
    tried = draw(st.frozensets(st.sampled_from(list(catalog.targets)), max_size=3))
    quest = Quest(
        draw(st.sampled_from([Api.CHAT, Api.OTHER])), draw(st.sampled_from(Strategy)), draw(known), draw(known), tried
    )
    return catalog, draw(policies), quest


@given(searches())
@settings(max_examples=60)
def test_everyone_who_fits_is_a_candidate_and_nobody_else(search: tuple[Catalog, Policy, Quest]) -> None:
    """By the rules, told naively."""
    catalog, _policy, quest = search
    found = candidates(*search)

    if quest.strategy is Strategy.SAME_MODEL:
        assert found == Candidates((quest.origin,))
    else:
        fit = fitting(catalog, quest.strategy, quest.origin, quest.primary, quest.api)
        assert {target.id for target in found} == {target.id for target in fit if target.id not in quest.tried}
        assert len(list(found)) == len({target.id for target in found})


@given(searches())
@settings(max_examples=60)
def test_the_order_is_that_of_the_policy_and_then_that_of_the_file(search: tuple[Catalog, Policy, Quest]) -> None:
    catalog, policy, quest = search
    found = candidates(*search)

    if quest.strategy is not Strategy.SAME_MODEL:
        named, others = [target.id for target in found.named], [target.id for target in found.others]
        assert named == [target for target in policy.fallback_models if target in named]
        assert others == [target for target in catalog.targets if target in others]
        assert not set(others) & set(policy.fallback_models)


@given(searches())
@settings(max_examples=60)
def test_who_is_no_candidate_has_a_reason(search: tuple[Catalog, Policy, Quest]) -> None:
    """And who is one has none."""
    catalog, _, quest = search
    found = {target.id for target in candidates(*search)}

    if quest.strategy is not Strategy.SAME_MODEL:
        assert {target.id for target in catalog.targets.values() if quest.exclusion(target) is None} == found
