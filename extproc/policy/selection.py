"""Who may get the next attempt, in which order, and why the others may not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from extproc.policy.model import Credential, Strategy

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from extproc.policy.catalog import Catalog
    from extproc.policy.model import Api, Policy, Target, TargetId


class Exclusion(StrEnum):
    """Why a configured target is no candidate."""

    STRATEGY = "strategy"  # not where the strategy looks
    TRIED = "tried"  # has failed in this round
    API = "api"  # does not speak the request's API
    CREDENTIAL = "credential"  # has no key, or would pass the client's on to another provider
    WILDCARD = "wildcard"  # stands for any model: nobody asked for one in particular


@dataclass(frozen=True, slots=True)
class Quest:
    """What is looked for: a target for *api*, by *strategy* relative to the target *origin*, not in *tried*."""

    api: Api
    strategy: Strategy
    origin: Target
    primary: Target
    tried: Container[TargetId] = frozenset()

    def exclusion(self, target: Target) -> Exclusion | None:
        """Return why *target* is not what is looked for; None when it is."""
        if not self._fits(target):
            return Exclusion.STRATEGY
        if self.strategy is Strategy.SAME_MODEL:
            # A retry here is about the very target that was tried: it was usable before.
            return None
        if target.id in self.tried:
            return Exclusion.TRIED
        if target.wildcard:
            return Exclusion.WILDCARD
        if self.api not in target.speaks:
            return Exclusion.API
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
                return target.provider == self.primary.provider
            case Credential.MISSING:
                return False
            case _:
                assert_never(target.credential)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The targets that fit: *named* by fallback_models in that order, then *others* in file order."""

    named: tuple[Target, ...] = ()
    others: tuple[Target, ...] = ()

    def __iter__(self) -> Iterator[Target]:
        yield from self.named
        yield from self.others


def candidates(catalog: Catalog, policy: Policy, quest: Quest) -> Candidates:
    """Return every configured target that fits *quest*, blocked or not."""
    if quest.strategy is Strategy.SAME_MODEL:
        return Candidates((quest.origin,))
    named = [catalog.targets[target] for target in policy.fallback_models if target in catalog.targets]
    others = [target for target in catalog.targets.values() if target.id not in policy.fallback_models]
    return Candidates(
        tuple(target for target in named if quest.exclusion(target) is None),
        tuple(target for target in others if quest.exclusion(target) is None),
    )
