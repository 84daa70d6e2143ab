"""Which target takes the requests of each API that name no configured model."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.config.errors import Problem
from extproc.policy.target import Api, TargetId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.config.compiling.endpoints import Site


@dataclass(frozen=True, slots=True)
class Defaults:
    """The default of each API that has one, and a problem for each target that is a second one."""

    of: Mapping[Api, TargetId]
    problems: tuple[Problem, ...]


def compile_defaults(sites: Sequence[Site]) -> Defaults:
    """Return who is the default for what, of *sites* that say `default: true`.

    A target is the default for every API that its provider speaks. What that provider speaks only to be compatible
    (Anthropic: chat) another default may have instead: so one for OpenAI's APIs and one for Anthropic's go together.
    """
    defaults = [site for site in sites if site.table.default]
    found: dict[Api, Site] = {}
    problems: list[Problem] = []
    for site in defaults:
        shared: dict[str, list[Api]] = {}
        for api in sorted(site.provider.apis - site.provider.compatible):
            first = found.setdefault(api, site)
            if first is not site and not api.kept:
                shared.setdefault(first.entry.place, []).append(api)
        for place, apis in shared.items():
            problems.append(
                Problem(f"{site.entry.place}.default", f"{place} is the default for {', '.join(apis)} already")
            )
    for site in defaults:
        for api in sorted(site.provider.compatible):
            found.setdefault(api, site)
    return Defaults(MappingProxyType({api: TargetId(site.table.model) for api, site in found.items()}), tuple(problems))
