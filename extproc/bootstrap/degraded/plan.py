"""The target and the rewriting of requests in fail-open mode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extproc.bootstrap.degraded.script import script
from extproc.bootstrap.degraded.secrets import secrets_of
from extproc.bootstrap.degraded.target import default_apis, default_target
from extproc.exchange.url.paths import paths_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.gateway import Cluster, Gateway
    from extproc.exchange.upstream import Upstream
    from extproc.policy.target import Target


@dataclass(frozen=True, slots=True)
class Degraded:
    """The default target, as Envoy itself calls it."""

    cluster: Cluster
    authority: str
    paths: tuple[str, ...]  # regular expressions: the APIs for which it is the default
    script: str
    secrets: tuple[str, ...]  # names of the headers whose values are in Envoy's secret files
    directory: str  # where those are


def degraded_of(gateway: Gateway) -> Degraded | None:
    """Return the fail-open target of *gateway*; None: reject requests."""
    target = default_target(gateway)
    if target is None:
        return None
    upstream = gateway.upstreams.of(target)
    return Degraded(
        cluster=next(cluster for cluster in gateway.clusters if cluster.name == upstream.cluster),
        authority=upstream.authority,
        paths=paths_of(default_apis(gateway, target)),
        script=script(upstream, models=_models(gateway, upstream), any_of=_any_of(gateway, target, upstream)),
        secrets=tuple(sorted(secrets_of(gateway))),
        directory=gateway.envoy.secrets,
    )


def _models(gateway: Gateway, upstream: Upstream) -> Mapping[str, str]:
    """Return, by client's name of a model, the name that is sent to the provider of *upstream*.

    Models that differ from the default only in their name keep it; all others are replaced by the default.
    """
    models: dict[str, str] = {}
    for name, target_id in gateway.catalog.names.items():
        meant = gateway.upstreams.of(gateway.catalog[target_id])
        models[name] = meant.model if _beside(meant, upstream) else upstream.model
    return models


def _any_of(gateway: Gateway, target: Target, upstream: Upstream) -> str | None:
    """Return the prefix of model names for the wildcard of the default's provider, if it has one."""
    wildcard = gateway.upstreams.wildcards.get(target.provider)
    return f"{target.provider}/" if wildcard is not None and _beside(wildcard, upstream) else None


def _beside(one: Upstream, other: Upstream) -> bool:
    return replace(one, model="", first_byte=None) == replace(other, model="", first_byte=None)
