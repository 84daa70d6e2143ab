"""Warnings: settings that are valid but probably not intended. They do not prevent the start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from extproc.config.errors import Problem
from extproc.config.exposure import access_warnings
from extproc.config.schema.origins import ANY
from extproc.policy.backoff import Reach
from extproc.policy.rules import Scope, Strategy
from extproc.policy.target import Api, Credential

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from extproc.config.compiling.endpoints import Entry
    from extproc.config.gateway import Gateway
    from extproc.config.schema.retry_policy import BackoffTable, RetryPolicyTable
    from extproc.policy.rules import Policy, Rule
    from extproc.policy.target import Target

_REACHED_BY = {
    Reach.SAME_MODEL: frozenset({Strategy.SAME_MODEL}),
    Reach.SAME_PROVIDER: frozenset({Strategy.SAME_MODEL, Strategy.SAME_PROVIDER}),
    Reach.GLOBAL: frozenset(Strategy),
}
_SHORT_LATENCY = 1000
_EMBEDDING = re.compile(r"embed|^(bge|e5|gte|voyage|all-minilm|jina-clip)\b", re.IGNORECASE)
"""Names of embedding models: text-embedding-3-small, mistral-embed, bge-m3."""


def warnings_of(entries: Sequence[Entry], gateway: Gateway, names: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the warnings about *entries*, which compile to *gateway*, in the file's order.

    *names* maps the names of a fallback to the id of its model.
    """
    yield from access_warnings(gateway.sidecar, gateway.envoy)
    yield from _origins(gateway)
    catalog = gateway.catalog
    targets = [*catalog.targets.values(), *catalog.wildcards.values()]
    by_id = {str(target.id): target for target in targets}
    for entry in entries:
        target = by_id[entry.table.model]
        yield from _credentials(entry, target)
        table, policy = entry.table.retry_policy, catalog.policies.get(target.id)
        if table is None or policy is None:
            continue
        place = f"{entry.place}.retry_policy"
        yield from _no_other_provider(place, target, policy, targets)
        yield from _fallbacks(place, table, target, names, by_id)
        yield from _codes_twice(place, table)
        yield from _backoffs(place, table, policy)
        yield from _scopes(place, table, policy)


def undeclared_clusters(gateway: Gateway, declared: AbstractSet[str]) -> tuple[Problem, ...]:
    """Return a warning for each cluster of *gateway* that is missing in *declared*, the clusters of an Envoy."""
    return tuple(
        Problem(cluster.place, f"Envoy's configuration declares no cluster {cluster.name}: every request to it fails")
        for cluster in gateway.clusters
        if cluster.name not in declared
    )


def _origins(gateway: Gateway) -> Iterator[Problem]:
    if ANY in gateway.listener.origins:
        yield Problem(
            "listeners[0].cors.allow_origins",
            "* lets every web page call this gateway with your keys from a visitor's browser, and read the responses",
        )


def _credentials(entry: Entry, target: Target) -> Iterator[Problem]:
    if target.credential is Credential.MISSING:
        yield Problem(
            entry.place,
            "has no access_key, and its provider requires one: it is never a failover target, and requests for it "
            "will be rejected",
        )
    if target.credential is Credential.CLIENT and entry.table.keys:
        key = "access_key" if entry.table.access_keys is None else "access_keys"
        yield Problem(f"{entry.place}.{key}", "is not used: passthrough_auth sends the client's own credential")


def _no_other_provider(place: str, primary: Target, policy: Policy, targets: Sequence[Target]) -> Iterator[Problem]:
    """Warn of a strategy without any failover target."""
    usable = {
        target.provider
        for target in targets
        if not target.wildcard and target.credential in {Credential.OWN, Credential.NONE}
    }
    if Strategy.DIFFERENT_PROVIDER in _strategies(policy) and not usable - {primary.provider}:
        yield Problem(place, "uses the strategy different_provider, but there is no other usable provider")


def _fallbacks(
    place: str, table: RetryPolicyTable, primary: Target, names: Mapping[str, str], by_id: Mapping[str, Target]
) -> Iterator[Problem]:
    for index, name in enumerate(table.fallback_models):
        model = names.get(name)
        if model is None:
            yield Problem(f"{place}.fallback_models[{index}]", "is not a configured model: it is ignored")
        elif model == primary.id:
            yield Problem(f"{place}.fallback_models[{index}]", "is the model of this policy itself")
        elif _changes_embeddings(primary, by_id[model]):
            yield Problem(
                f"{place}.fallback_models[{index}]",
                "is an embedding model, too: another model has another vector space, so that its vectors cannot be "
                "compared with those already stored",
            )


def _changes_embeddings(primary: Target, fallback: Target) -> bool:
    """Return whether *fallback* would replace *primary* for embeddings, in another vector space.

    The provider table has APIs by provider, not by model; so an embedding model is recognized by its name.
    """
    models = {target.id.partition("/")[2].rpartition("/")[2] for target in (primary, fallback)}
    speak = Api.EMBEDDINGS in primary.apis & fallback.apis
    return speak and len(models) > 1 and any(map(_EMBEDDING.search, models))


def _codes_twice(place: str, table: RetryPolicyTable) -> Iterator[Problem]:
    taken: dict[int, int] = {}
    for index, entry in enumerate(table.on_status_codes):
        for position, codes in enumerate(entry.codes):
            earlier = {code: taken[code] for code in codes if taken.get(code, index) != index}
            if earlier:
                by = ", ".join(f"on_status_codes[{other}]" for other in sorted(set(earlier.values())))
                yield Problem(
                    f"{place}.on_status_codes[{index}].codes[{position}]",
                    f"{_spans(sorted(earlier))} never matches here: {by} comes first",
                )
            for code in codes:
                taken.setdefault(code, index)


def _spans(codes: Sequence[int]) -> str:
    """Return the sorted *codes* with runs as ranges."""
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][-1] + 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _backoffs(place: str, table: RetryPolicyTable, policy: Policy) -> Iterator[Problem]:
    inheriting = {
        rule.strategy
        for rule in (policy.default, policy.on_timeout, policy.on_connection_error)
        if rule is not None and rule.max_attempts
    }
    for index, entry in enumerate(table.on_status_codes):
        strategy = policy.default.strategy if entry.strategy is None else entry.strategy
        if entry.backoff is None:
            inheriting.add(strategy)
        else:
            yield from _backoff(f"{place}.on_status_codes[{index}].backoff", entry.backoff, {strategy})
    if table.backoff is not None:
        yield from _backoff(f"{place}.backoff", table.backoff, inheriting)


def _backoff(place: str, table: BackoffTable, strategies: AbstractSet[Strategy]) -> Iterator[Problem]:
    if not strategies & _REACHED_BY[table.apply_to]:
        yield Problem(
            f"{place}.apply_to", f"{table.apply_to} does not apply to any strategy in use: there is never a delay"
        )
    if table.max_ms < 2 * table.base_ms:
        yield Problem(f"{place}.max_ms", "is less than twice base_ms: the delay never doubles")


def _scopes(place: str, table: RetryPolicyTable, policy: Policy) -> Iterator[Problem]:
    if policy.retry_after.scope is Scope.PROVIDER and Strategy.SAME_MODEL in _strategies(policy):
        yield Problem(
            f"{place}.retry_after_handling.scope",
            "provider: one model's Retry-After blocks all models of the provider, although same_model retries only one",
        )
    latency = table.on_high_latency
    if latency is None or policy.high_latency is None:
        return
    if latency.threshold_ms < _SHORT_LATENCY:
        yield Problem(f"{place}.on_high_latency.threshold_ms", "is under 1000 ms: ordinary responses may count as slow")
    if latency.scope is Scope.PROVIDER and policy.high_latency.strategy is Strategy.SAME_MODEL:
        yield Problem(
            f"{place}.on_high_latency.scope",
            "provider: one slow model blocks all models of the provider, although same_model retries only one",
        )


def _strategies(policy: Policy) -> frozenset[Strategy]:
    """Return the strategies of all rules that allow a retry."""
    rules: list[Rule] = [policy.default, *policy.on_status.values()]
    rules += [rule for rule in (policy.on_timeout, policy.on_connection_error) if rule is not None]
    used = {rule.strategy for rule in rules if rule.max_attempts}
    if policy.high_latency is not None:
        used.add(policy.high_latency.strategy)
    return frozenset(used)
