"""Compiling the validated file, once, at start."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.addresses import TcpAddress, parse_address
from extproc.config.compiling.clusters import cluster_name, compile_clusters
from extproc.config.compiling.default_targets import Defaults, compile_defaults
from extproc.config.compiling.endpoints import Entry, ResolvedProvider, resolve, target_of, upstream_of
from extproc.config.compiling.retry_policy import compile_policy
from extproc.config.cross_checks import ProviderName, exact_names, names_of, resolve_alias
from extproc.config.errors import ConfigError, Problem
from extproc.config.exposure import access_errors
from extproc.config.gateway import (
    EnvoySettings,
    Gateway,
    Listener,
    OnFailure,
    RetryBudget,
    SidecarSettings,
)
from extproc.exchange.upstream import Upstreams
from extproc.policy.catalog import Catalog
from extproc.policy.target import TargetId
from extproc.tls_files import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.addresses import Address
    from extproc.config.schema.file import ConfigTable, ListenerTable
    from extproc.config.schema.processes import EnvoyTable, SidecarTable, TlsTable
    from extproc.exchange.upstream import Upstream
    from extproc.policy.rules import Policy


def compile_config(config: ConfigTable, entries: Sequence[Entry], provider_names: tuple[ProviderName, ...]) -> Gateway:
    """Return the gateway of *config*; *entries* are its `model_providers`, *provider_names* their names.

    Raises:
        ConfigError: valid parts contradict each other.
    """
    providers, problems = resolve_providers(entries)
    policies, refused = compile_policies(entries, exact_names(provider_names))
    problems += refused
    clusters = compile_clusters(providers)
    problems += clusters.problems
    defaults = compile_defaults(providers)
    problems += defaults.problems
    if config.sidecar.on_failure is OnFailure.DEFAULT_PROVIDER and not defaults.of:
        problems.append(Problem("sidecar.on_failure", "default_provider needs a model with `default: true`"))
    sidecar = _sidecar(config.sidecar)
    problems += access_errors(sidecar)
    if problems:
        raise ConfigError(problems)
    return Gateway(
        listener=_listener(config.listeners[0]),
        catalog=_catalog(config, providers, policies, names_of(provider_names), defaults),
        upstreams=_upstreams(providers),
        clusters=clusters.clusters,
        sidecar=sidecar,
        envoy=_envoy(config.envoy),
    )


def resolve_providers(entries: Sequence[Entry]) -> tuple[tuple[ResolvedProvider, ...], list[Problem]]:
    """Return the resolved entries, and a problem for each that cannot be resolved."""
    resolved = [resolve(entry) for entry in entries]
    providers = tuple(provider for provider in resolved if isinstance(provider, ResolvedProvider))
    return providers, [problem for problem in resolved if isinstance(problem, Problem)]


def compile_policies(
    entries: Sequence[Entry], names: Mapping[str, str]
) -> tuple[Mapping[TargetId, Policy], list[Problem]]:
    """Return the policy of each entry that has one, and a problem for each invalid one."""
    policies: dict[TargetId, Policy] = {}
    problems: list[Problem] = []
    for entry in entries:
        table = entry.table.retry_policy
        if table is None:
            continue
        try:
            policies[TargetId(entry.table.model)] = compile_policy(table, names)
        except ValueError as error:  # invariants of the policy's own constructors
            problems.append(Problem(f"{entry.place}.retry_policy", str(error)))
    return MappingProxyType(policies), problems


def _catalog(
    config: ConfigTable,
    providers: Sequence[ResolvedProvider],
    policies: Mapping[TargetId, Policy],
    names: Mapping[str, str],
    defaults: Defaults,
) -> Catalog:
    targets = [target_of(provider) for provider in providers]
    wildcards = {target.provider: target for target in targets if target.wildcard}
    return Catalog(
        targets=MappingProxyType({target.id: target for target in targets if not target.wildcard}),
        names=MappingProxyType(_all_names(config, names, frozenset(wildcards))),
        defaults=defaults.of,
        wildcards=MappingProxyType(wildcards),
        policies=policies,
    )


def _all_names(config: ConfigTable, names: Mapping[str, str], wildcards: frozenset[str]) -> dict[str, TargetId]:
    """Return model ids by every name that a client may use; aliases take precedence."""
    aliases = {alias: table.target for alias, table in config.model_aliases.items()}
    resolved = {alias: resolve_alias(alias, aliases, names, wildcards) for alias in aliases}
    return {name: TargetId(model) for name, model in {**names, **resolved}.items() if model is not None}


def _upstreams(providers: Sequence[ResolvedProvider]) -> Upstreams:
    by_id: dict[TargetId, Upstream] = {}
    wildcards: dict[str, Upstream] = {}
    for provider in providers:
        upstream = upstream_of(provider, cluster_name(provider))
        if provider.table.is_wildcard:
            wildcards[provider.table.prefix] = upstream
        else:
            by_id[TargetId(provider.table.model)] = upstream
    return Upstreams(MappingProxyType(by_id), MappingProxyType(wildcards))


def _listener(table: ListenerTable) -> Listener:
    origins = () if table.cors is None else tuple(table.cors.allow_origins)
    return Listener(table.name, table.address, table.port, table.timeout, origins)


def _sidecar(table: SidecarTable) -> SidecarSettings:
    listen = parse_address(table.listen)
    return SidecarSettings(
        listen,
        table.workers,
        parse_address(table.admin),
        table.max_body_bytes,
        table.log_format,
        table.on_failure,
        socket_mode=int(table.socket_mode, 8),
        socket_group=table.socket_group,
        tls=None if table.tls is None else _tls(table.tls, listen),
        insecure=table.insecure,
        chosen_transport=table.transport,
    )


def _tls(table: TlsTable, listen: Address) -> TlsFiles:
    # A socket in the file system has no host, and no TLS either.
    name = table.server_name or (listen.host if isinstance(listen, TcpAddress) else "")
    return TlsFiles(table.ca, table.cert, table.key, table.client_cert, table.client_key, name)


def _envoy(table: EnvoyTable) -> EnvoySettings:
    budget = table.retry_budget
    retry_budget = None if budget is None else RetryBudget(budget.percent, budget.min_concurrency)
    admin = None if table.admin is None else parse_address(table.admin)
    return EnvoySettings(admin, retry_budget, table.secrets)
