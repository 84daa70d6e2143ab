"""The default target of each API, for requests that name no configured model."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.config.errors import Problem
from extproc.policy.target import Api, TargetId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.config.compiling.endpoints import ResolvedProvider


@dataclass(frozen=True, slots=True)
class Defaults:
    """The default of each API that has one, and a problem for each second default."""

    of: Mapping[Api, TargetId]
    problems: tuple[Problem, ...]


def compile_defaults(providers: Sequence[ResolvedProvider]) -> Defaults:
    """Return the default target of each API, of those *providers* with `default: true`.

    A target is the default for every API that its provider supports. For an API that a provider supports only for
    compatibility (Anthropic: chat) another default takes precedence: so one default for OpenAI's APIs and one for
    Anthropic's are possible.
    """
    defaults = [provider for provider in providers if provider.table.default]
    found: dict[Api, ResolvedProvider] = {}
    problems: list[Problem] = []
    for provider in defaults:
        shared: dict[str, list[Api]] = {}
        for api in sorted(provider.row.apis - provider.row.compatible):
            first = found.setdefault(api, provider)
            if first is not provider and not api.kept:
                shared.setdefault(first.entry.place, []).append(api)
        for place, apis in shared.items():
            problems.append(
                Problem(f"{provider.entry.place}.default", f"{place} is the default for {', '.join(apis)} already")
            )
    for provider in defaults:
        for api in sorted(provider.row.compatible):
            found.setdefault(api, provider)
    return Defaults(
        MappingProxyType({api: TargetId(provider.table.model) for api, provider in found.items()}), tuple(problems)
    )
