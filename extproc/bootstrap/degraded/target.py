"""Whom requests go to while nobody is there to decide on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.config.gateway import OnFailure
from extproc.policy.target import Api

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway
    from extproc.policy.target import Target


def default_target(gateway: Gateway) -> Target | None:
    """Return the target that takes the requests which no worker is there to decide on; None: they are refused.

    Of several defaults it is the one for chat: Envoy alone has one credential, and one script.
    """
    defaults = gateway.catalog.defaults
    if gateway.sidecar.on_failure is OnFailure.REJECT or not defaults:
        return None
    return gateway.catalog[defaults[Api.CHAT]]


def default_apis(gateway: Gateway, target: Target) -> frozenset[Api]:
    """Return the APIs for which *target* may be asked whatever model a request names.

    It is the default of *gateway* for them; what another one takes is not for it. Embeddings of another model than the
    one that is named are of no use, and Envoy alone cannot tell.
    """
    of_target = (api for api, default in gateway.catalog.defaults.items() if default == target.id)
    return frozenset(of_target) - {Api.EMBEDDINGS}
