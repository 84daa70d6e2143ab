"""The candidates for the next attempt, in order, and why other targets are excluded."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from extproc.policy.rules import Strategy
from extproc.policy.target import Api, Credential
from extproc.value import value

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from extproc.policy.catalog import Catalog
    from extproc.policy.rules import Policy
    from extproc.policy.target import Target, TargetId


class Exclusion(StrEnum):
    """Why a configured target is no candidate."""

    STRATEGY = "strategy"  # not where the strategy looks
    API = "api"  # does not support the request's API
    UNNAMED = "unnamed"  # would make embeddings of another kind, and the policy does not name it
    CREDENTIAL = "credential"  # has no key, or would pass the client's on to another provider
    WILDCARD = "wildcard"  # stands for any model: no request names it as a fallback


@value
class RequestContext:
    """What stays the same through all attempts of one request."""

    policy: Policy  # the primary's
    primary: Target
    api: Api


@value
class CandidateQuery:
    """The query for targets that can serve a request, by *strategy* relative to the target *origin*."""

    context: RequestContext
    strategy: Strategy
    origin: Target

    def exclusion(self, target: Target) -> Exclusion | None:
        """Return why *target* is no candidate; None when it is one."""
        if not self._fits(target):
            return Exclusion.STRATEGY
        if self.strategy is Strategy.SAME_MODEL:
            # A retry here is about the very target that was tried: it was usable before.
            return None
        if target.wildcard:
            return Exclusion.WILDCARD
        if self.context.api not in target.apis:
            return Exclusion.API
        if self.context.api is Api.EMBEDDINGS and target.id not in self.context.policy.fallback_models:
            # Another model is another vector space: what is stored already could not be compared with it.
            return Exclusion.UNNAMED
        return None if self._has_credential(target) else Exclusion.CREDENTIAL

    def _fits(self, target: Target) -> bool:
        match self.strategy:
            case Strategy.SAME_MODEL:
                return target.id == self.origin.id
            case Strategy.SAME_PROVIDER:
                return target.provider == self.origin.provider and target.id != self.origin.id
            case Strategy.DIFFERENT_PROVIDER:
                return target.provider != self.origin.provider
            case _:
                assert_never(self.strategy)

    def _has_credential(self, target: Target) -> bool:
        match target.credential:
            case Credential.OWN | Credential.NONE:
                return True
            case Credential.CLIENT:
                return target.provider == self.context.primary.provider
            case Credential.MISSING:
                return False
            case _:
                assert_never(target.credential)


@value
class Candidates:
    """The targets that fit: *named* by fallback_models in that order, then *others* in file order."""

    named: tuple[Target, ...] = ()
    others: tuple[Target, ...] = ()

    def __iter__(self) -> Iterator[Target]:
        yield from self.named
        yield from self.others

    def without(self, tried: Container[TargetId]) -> Candidates:
        """Return these candidates but those that were *tried*."""
        return Candidates(
            tuple([target for target in self.named if target.id not in tried]),
            tuple([target for target in self.others if target.id not in tried]),
        )


class CandidateIndex:
    """The candidates after each target: fixed by the configuration, so that each query is evaluated only once.

    Its keys are configured entries, so that there are few of them, whatever models clients name.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._found: dict[tuple[str, str, Strategy, Api], Candidates] = {}

    def candidates(self, context: RequestContext, strategy: Strategy, origin: Target) -> Candidates:
        """Return every target that *strategy* leads to from *origin*, blocked or not, tried or not."""
        if strategy is Strategy.SAME_MODEL:
            return Candidates((origin,))
        key = (context.primary.entry, origin.entry, strategy, context.api)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._fitting(CandidateQuery(context, strategy, origin))
        return found

    def _fitting(self, query: CandidateQuery) -> Candidates:
        targets, first = self.catalog.targets, query.context.policy.fallback_models
        named = [targets[target] for target in first if target in targets]
        others = [target for target in targets.values() if target.id not in first]
        return Candidates(
            tuple(target for target in named if query.exclusion(target) is None),
            tuple(target for target in others if query.exclusion(target) is None),
        )
