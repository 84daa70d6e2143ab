"""Every configured target, and how a request's model name finds one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.policy.target import TargetId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.policy.rules import Policy
    from extproc.policy.target import Api, Target

_MODEL_NAME = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
"""What a client may call a model that only a wildcard knows: the name becomes part of headers and of a path."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The configured targets, in file order, and the names that lead to them.

    *names* maps everything a client may call a target (alias, `provider/model`, its configured name, the bare model
    name) to its id; *defaults* maps an API to the target of requests that name none; *wildcards* maps a provider to the
    target that stands for any model of it.
    """

    targets: Mapping[TargetId, Target]
    names: Mapping[str, TargetId]
    defaults: Mapping[Api, TargetId] = field(default_factory=lambda: MappingProxyType({}))
    wildcards: Mapping[str, Target] = field(default_factory=lambda: MappingProxyType({}))
    policies: Mapping[TargetId, Policy] = field(default_factory=lambda: MappingProxyType({}))

    def find(self, named: str) -> Target | None:
        """Return the target that a client means by *named*, or None when nothing configured fits."""
        target_id = self.names.get(named)
        return self.get(TargetId(named) if target_id is None else target_id)

    def get(self, target_id: TargetId) -> Target | None:
        """Return the target of that id, made from its provider's wildcard where there is one; else None."""
        target = self.targets.get(target_id)
        if target is not None:
            return target
        provider, slash, model = target_id.partition("/")
        wildcard = self.wildcards.get(provider)
        if wildcard is None or not slash or _MODEL_NAME.fullmatch(model) is None:
            return None
        return replace(wildcard, id=target_id)

    def default_for(self, api: Api) -> Target | None:
        """Return the target of requests for *api* that name no configured model; None: there is none."""
        default = self.defaults.get(api)
        return None if default is None else self.get(default)

    def serving(self, api: Api) -> list[Target]:
        """Return every target that supports *api*, wildcards last."""
        return [target for target in (*self.targets.values(), *self.wildcards.values()) if api in target.apis]

    def __getitem__(self, target_id: TargetId) -> Target:
        """Return the target of that id, as `get` does.

        Raises:
            KeyError: nothing configured fits.
        """
        target = self.get(target_id)
        if target is None:
            raise KeyError(target_id)
        return target

    def policy_of(self, target: Target) -> Policy | None:
        """Return the retry policy that governs requests whose primary is *target*; None: no retry at all."""
        return self.policies.get(self.wildcards[target.provider].id if target.wildcard else target.id)
