"""The target of the fail-open mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.config.gateway import OnFailure
from extproc.policy.target import Api

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway
    from extproc.policy.target import Target


def default_target(gateway: Gateway) -> Target | None:
    """Return the target of requests without a worker; None: they are rejected.

    Of several defaults it is the one for chat: Envoy has one credential and one script.
    """
    defaults = gateway.catalog.defaults
    if gateway.sidecar.on_failure is OnFailure.REJECT or not defaults:
        return None
    return gateway.catalog[defaults[Api.CHAT]]


def default_apis(gateway: Gateway, target: Target) -> frozenset[Api]:
    """Return the APIs for which *target* may replace any model.

    It is their default in *gateway*. Not embeddings: those of another model are useless, and Envoy does not know which
    model a name refers to.
    """
    of_target = (api for api, default in gateway.catalog.defaults.items() if default == target.id)
    return frozenset(of_target) - {Api.EMBEDDINGS}
