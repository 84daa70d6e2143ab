"""Whom requests go to while nobody is there to decide on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.config.gateway import OnFailure

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway
    from extproc.policy.model import Target


def default_target(gateway: Gateway) -> Target | None:
    """Return the target that takes the requests which no worker is there to decide on; None: they are refused."""
    default = gateway.catalog.default
    if gateway.sidecar.on_failure is OnFailure.REJECT or default is None:
        return None
    return gateway.catalog[default]
